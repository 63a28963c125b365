"""Errors have stable ids and documented exit codes, and show no password."""

import psycopg
import pytest

from pgaudit_kit import errors
from pgaudit_kit.db import connect, kit_error, translated
from pgaudit_kit.errors import ConfigError, KitError, NoPrimaryKey, ServerUnreachable, UsageError
from pgaudit_kit.timeouts import Timeouts

CHECKS = {
    "demo-failed": "the demonstration says no where a tampering was not found",
    "log-forked": "the signer says no: the log is not the one that was signed before",
    "anchor-conflict": "the anchor says no: it holds another log of that name",
}
"""The checks that say no, and so end with 1."""


def kinds(base: type[KitError] = KitError) -> list[type[KitError]]:
    return [kind for sub in base.__subclasses__() for kind in (sub, *kinds(sub))]


def test_id_is_the_class_name_in_kebab_case():
    assert NoPrimaryKey.id == "no-primary-key"


def test_docstring_is_the_default_message():
    error = NoPrimaryKey()
    assert error.message == "The table has no primary key."
    assert error.hint == NoPrimaryKey.hint


def test_instance_overrides_hint_and_place():
    error = ConfigError("No.", hint="Do.", at="here")
    assert (error.message, error.hint, error.at) == ("No.", "Do.", "here")


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.id)
def test_no_error_exits_with_0_or_1(kind: type[KitError]):
    """1 is the answer of a check that says no; a failure must not look like one."""
    assert kind.exit_code in {2, 3, 4, 130} or kind.id in CHECKS


def test_ids_are_distinct():
    ids = [kind.id for kind in kinds() if kind.__module__ == errors.__name__]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (psycopg.errors.InsufficientPrivilege, "insufficient-privilege"),
        (psycopg.errors.ReadOnlySqlTransaction, "read-only-server"),
        (psycopg.errors.LockNotAvailable, "lock-timeout"),
        (psycopg.errors.QueryCanceled, "statement-timeout"),
        (psycopg.OperationalError, "server-unreachable"),
        (psycopg.InterfaceError, "database-error"),
    ],
)
def test_psycopg_errors_are_translated(kind: type[psycopg.Error], expected: str):
    with pytest.raises(KitError) as caught, translated():
        raise kind("said so")
    assert (caught.value.id, caught.value.exit_code) == (expected, 3)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres//u:s3cret@h",
        "host=x foo=1 password=s3cret",
        "postgresql://u:s3cret%@h/x",
        "password='s3cret",
    ],
)
def test_unreadable_dsn_is_a_usage_error_without_its_password(dsn: str):
    with pytest.raises(UsageError) as caught:
        connect(dsn, timeouts=Timeouts())
    assert "s3cret" not in caught.value.message


def test_password_in_a_servers_message_is_hidden():
    message = "no: postgresql://u:s3cret@h/x password=s3cret password = 's3\\'cret s3cret'"
    assert "s3cret" not in kit_error(psycopg.OperationalError(message)).message


def test_server_that_does_not_answer_is_unreachable(tmp_path):
    with pytest.raises(ServerUnreachable):
        connect(f"host={tmp_path} dbname=x", timeouts=Timeouts(connect="2s"))
