"""Checkpoints in another team's PostgreSQL: the signer adds, nobody changes."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgaudit_kit.anchor_specs import PostgresAnchor
from pgaudit_kit.anchors import Anchor, AnchorFailed, open_anchor, setup_sql
from tests.anchors.logs import ORIGIN, Log, no_proof
from tests.servers import Database, connect

LOG = Log()
WRITER, READER = "pgaudit_kit_anchor_writer", "pgaudit_kit_anchor_reader"


@pytest.fixture
def evidence(db: Database) -> Iterator[Database]:
    """A database of another team, set up twice."""
    for _ in range(2):
        db.execute(setup_sql())
    yield db


def member(db: Database, role: str) -> str:
    login = db.role("anchor")
    db.execute(f"GRANT {role} TO {login}")
    return login


def anchor(db: Database, user: str | None = None) -> Anchor:
    return open_anchor(PostgresAnchor(name="team", dsn=make_conninfo(db.dsn, user=user) if user else db.dsn))


def test_a_member_of_the_writers_publishes_and_one_of_the_readers_finds(evidence: Database) -> None:
    writer, reader = member(evidence, WRITER), member(evidence, READER)
    anchor(evidence, writer).publish(LOG.note(3), no_proof)
    anchor(evidence, writer).publish(LOG.note(7), LOG.prove(7))
    found = list(anchor(evidence, reader).found(ORIGIN))
    assert [(one.note, one.problem) for one in found] == [(LOG.note(3), None), (LOG.note(7), None)]
    assert "size 7" in found[1].where
    with pytest.raises(AnchorFailed, match="permission denied"):
        anchor(evidence, reader).publish(LOG.note(9), LOG.prove(9))
    assert evidence.execute(
        "SELECT DISTINCT received_from FROM pgaudit_kit_anchor.checkpoints"
    ).fetchall() == [(writer,)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pgaudit_kit_anchor.checkpoints SET note = 'x'",
        "DELETE FROM pgaudit_kit_anchor.checkpoints",
        "TRUNCATE pgaudit_kit_anchor.checkpoints",
        "INSERT INTO pgaudit_kit_anchor.checkpoints VALUES ('o', 1, 'x', '2000-01-01')",
        "INSERT INTO pgaudit_kit_anchor.checkpoints (origin, size, note, received_from)"
        " VALUES ('o', 1, 'x', 'me')",
        "ALTER TABLE pgaudit_kit_anchor.checkpoints DISABLE TRIGGER ALL",
        "CREATE TABLE pgaudit_kit_anchor.mine (n int)",
    ],
)
def test_a_writer_adds_and_does_nothing_else(evidence: Database, statement: str) -> None:
    writer = member(evidence, WRITER)
    anchor(evidence, writer).publish(LOG.note(3), no_proof)
    with connect(evidence, writer) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(statement)


@pytest.mark.parametrize("setting", ["origin", "replica", "local"])
def test_not_even_a_superuser_changes_a_row_by_the_way(evidence: Database, setting: str) -> None:
    anchor(evidence).publish(LOG.note(3), no_proof)
    evidence.execute(f"SET session_replication_role = {setting}")
    for statement in (
        "UPDATE pgaudit_kit_anchor.checkpoints SET note = 'x'",
        "DELETE FROM pgaudit_kit_anchor.checkpoints WHERE false",
        "TRUNCATE pgaudit_kit_anchor.checkpoints",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            evidence.execute(statement)


def test_rows_that_are_no_checkpoints_are_told(evidence: Database) -> None:
    rows = [(ORIGIN, 1, b"rubbish"), (ORIGIN, 2, LOG.note(3)), (ORIGIN, 4, Log("other.example").note(4))]
    for row in rows:
        evidence.execute("INSERT INTO pgaudit_kit_anchor.checkpoints VALUES (%s, %s, %s)", row)
    assert [bool(one.problem) for one in anchor(evidence).found(ORIGIN)] == [True, True, True]


def test_hostile_settings_of_the_login_do_not_matter(evidence: Database) -> None:
    writer = member(evidence, WRITER)
    for setting in ("search_path = public", "bytea_output = 'escape'", "standard_conforming_strings = off"):
        evidence.execute(f"ALTER ROLE {writer} SET {setting}")
    anchor(evidence, writer).publish(LOG.note(3), no_proof)
    anchor(evidence, writer).publish(LOG.note(3), no_proof)
    assert [one.problem for one in anchor(evidence, writer).found(ORIGIN)] == [None]


def test_a_database_without_the_table_says_what_to_run(db: Database) -> None:
    with pytest.raises(AnchorFailed, match="has no table") as caught:
        anchor(db).publish(LOG.note(3), no_proof)
    assert "pgaudit-kit anchor sql" in str(caught.value.hint)
    with pytest.raises(AnchorFailed, match="has no table"):
        list(anchor(db).found(ORIGIN))


@pytest.mark.parametrize("dsn", ["host=127.0.0.1 port=1 dbname=x", "service=absent", "no dsn at all"])
def test_a_server_that_is_away_is_named(dsn: str) -> None:
    with pytest.raises(AnchorFailed, match="Anchor team: "):
        open_anchor(PostgresAnchor(name="team", dsn=dsn)).publish(LOG.note(3), no_proof)
