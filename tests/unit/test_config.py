"""pgaudit.toml is read strictly, and an error says where."""

from pathlib import Path

import pytest

from pgaudit_kit.config import Config, Tenant, find, load, parse
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.timeouts import Timeouts, milliseconds

WHOLE = """
schema = "audit"

[timeouts]
connect = "10s"
lock = "500ms"
statement = "0"

[partitions]
interval = "1 day"
premake = 7
manager = "auto"

[context]
personal = ["ip", "user_agent"]

[actions]
publish = ["update"]
archive = ["update", "delete"]

[[tables]]
name = "public.articles"
tenant = { column = "tenant_id" }
exclude = ["search_vector"]
personal = ["author_email"]
subject = "author_id"
operations = ["insert", "update", "delete", "truncate"]
key = ["id"]

[[tables]]
name = '"My Schema"."T"'
tenant = { setting = "app.tenant" }
"""


def error_of(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value


def test_whole_configuration_is_read():
    config = parse(WHOLE)
    assert config.timeouts.lock_ms == 500
    assert config.actions == {"publish": ("update",), "archive": ("update", "delete")}
    assert config.tables[0].tenant == Tenant(column="tenant_id")
    assert [table.table for table in config.tables] == [
        QualifiedName("public", "articles"),
        QualifiedName("My Schema", "T"),
    ]


def test_empty_file_is_the_default_configuration():
    assert parse("") == Config()
    assert Config().schema == "audit"
    assert Config().context.personal == ("ip", "user_agent")


REGION = "[[regions]]\nname = 'eu'\n"
OTHER = "[[regions]]\nname = 'us'\n"
TABLE = '[[tables]]\nname = "public.doc"\n'


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("schema = ", "pgaudit.toml: line 1", "not valid TOML"),
        ("\n\n[tables\n", "pgaudit.toml: line 3", "not valid TOML"),
        ("schema = 'a'\nschema = 'b'", "pgaudit.toml: line 2", "not valid TOML"),
        ("shema = 'a'", "pgaudit.toml", "shema"),
        ("schema = 1", "pgaudit.toml: schema", "str"),
        ("schema = 'pg_audit'", "pgaudit.toml", "pg_audit"),
        ("schema = 'public'", "pgaudit.toml", "public"),
        ("schema = ''", "pgaudit.toml", "empty"),
        ("[timeouts]\nlock = '2'", "pgaudit.toml: timeouts", "'2' is not a duration"),
        ("[timeouts]\nlock = '9999h'", "pgaudit.toml: timeouts", "24 days"),
        ("[timeouts]\nlocks = '2s'", "pgaudit.toml: timeouts", "locks"),
        ("[partitions]\nmanager = 'cron'", "pgaudit.toml: partitions.manager", "cron"),
        ("[partitions]\ninterval = '36 minutes'", "pgaudit.toml: partitions", "36 minutes"),
        ("[partitions]\npremake = 0", "pgaudit.toml: partitions", "premake"),
        ("[context]\npersonal = ['db_user']", "pgaudit.toml: context", "db_user"),
        ("[actions]\npublish = ['select']", "pgaudit.toml: actions", "select"),
        ("[actions]\npublish = []", "pgaudit.toml", "publish"),
        ("[[tables]]\nkey = ['id']", "pgaudit.toml: tables[0]", "'name' is missing"),
        ("[[tables]]\nname = 'doc'", "pgaudit.toml: tables[0]", "without its schema"),
        (TABLE + "[[tables]]\nname = 'a.b c'", "pgaudit.toml: tables[1]", "a.b c"),
        (TABLE + "[[tables]]\nname = 'PUBLIC.DOC'", "pgaudit.toml: tables[1]", "listed twice"),
        (TABLE + "tenant = {}", "pgaudit.toml: tables[0].tenant", "exactly one"),
        (TABLE + "tenant = { column = 'a', value = 'b' }", "pgaudit.toml: tables[0].tenant", "exactly one"),
        (TABLE + "tenant = { setting = 'tenant' }", "pgaudit.toml: tables[0].tenant", "app.tenant"),
        (TABLE + "tenant = 'tenant_id'", "pgaudit.toml: tables[0].tenant", "object"),
        (TABLE + "operations = ['select']", "pgaudit.toml: tables[0].operations[0]", "select"),
        (TABLE + "operations = []", "pgaudit.toml: tables[0]", "empty"),
        (TABLE + "operations = ['insert', 'insert']", "pgaudit.toml: tables[0]", "listed twice"),
        (TABLE + "exclude = ['a']\npersonal = ['a']", "pgaudit.toml: tables[0]", "exclude and in personal"),
        (TABLE + "exclude = ['id']\nkey = ['id']", "pgaudit.toml: tables[0]", "exclude and in key"),
        (TABLE + "exclude = ['']", "pgaudit.toml: tables[0]", "empty"),
        (REGION + "tenant = ['a']", "pgaudit.toml: regions[0]", "tenant"),
        ("[[regions]]\ntenants = ['a']", "pgaudit.toml: regions[0]", "'name' is missing"),
        ("[[regions]]\nname = 'EU'\ntenants = ['a']", "pgaudit.toml: regions[0]", "not like 'eu'"),
        ("[[regions]]\nname = 'rest'\ntenants = ['a']", "pgaudit.toml: regions[0]", "everybody else"),
        (REGION + "tenants = []", "pgaudit.toml: regions[0]", "empty"),
        (REGION + "tenants = ['']", "pgaudit.toml: regions[0]", "empty"),
        (REGION + "tenants = ['a']\ntables = ['a.b']", "pgaudit.toml: regions[0]", "not both"),
        (REGION + "tenants = ['a']\ntablespace = ''", "pgaudit.toml: regions[0]", "tablespace"),
        (REGION + "tenants = ['a', 'b', 'a']", "pgaudit.toml: regions[0]", "two regions"),
        (REGION + "tenants = ['a']\n" + REGION, "pgaudit.toml: regions[1]", "listed twice"),
        (REGION + "tenants = ['a']\n" + OTHER + "tenants = ['a']", "pgaudit.toml: regions[1]", "two regions"),
        (
            REGION + "tables = ['a.b']\n" + OTHER + "tables = ['A.B']",
            "pgaudit.toml: regions[1]",
            "two regions",
        ),
        (REGION + "tables = ['b']", "pgaudit.toml: regions[0].tables", "without its schema"),
        (REGION + "tenants = ['a']\n" + OTHER + "tables = ['a.b']", "pgaudit.toml: regions", "some tables"),
        (REGION + OTHER, "pgaudit.toml: regions[1]", "neither tenants nor tables"),
        (REGION, "pgaudit.toml: regions", "No region lists"),
        (
            "[partitions]\nmanager = 'partman'\n" + REGION + "tenants = ['a']",
            "pgaudit.toml: partitions.manager",
            "partman",
        ),
    ],
)
def test_wrong_entries_are_refused_with_their_place(text: str, at: str, message: str):
    error = error_of(text)
    assert str(error.at).startswith(at)
    assert message in error.message


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("10s", 10_000), ("500ms", 500), ("2min", 120_000), ("1h", 3_600_000)]
)
def test_durations(text: str, expected: int):
    assert milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "10", "-1s", "1.5s", "10 s", "s", "1d", "\u0661s"])
def test_what_is_no_duration(text: str):
    with pytest.raises(ValueError, match="duration"):
        milliseconds(text)


def test_connect_timeout_rounds_up_because_zero_would_wait_for_ever():
    assert Timeouts(connect="1ms").connect_s == 1


def test_nearest_file_upwards_is_found(tmp_path: Path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "pgaudit.toml").touch()
    assert find(below) == tmp_path / "pgaudit.toml"
    (tmp_path / "a" / "pgaudit.toml").touch()
    assert find(below) == tmp_path / "a" / "pgaudit.toml"


def test_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path):
    latin = tmp_path / "pgaudit.toml"
    latin.write_bytes(b'schema = "\xe4"')
    for path in (latin, tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert caught.value.at == str(path)
