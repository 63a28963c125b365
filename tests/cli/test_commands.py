"""What the commands answer: exit codes, JSON by its schemas, help, and errors without tracebacks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import jsonschema
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgaudit_kit.cli import main as root
from pgaudit_kit.names import EVENT_TRIGGERS
from tests.kit import Answer, Kit, catalog_state, run
from tests.servers import Database, PgServer

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without configuration, an environment without defaults."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PG", "PGAUDIT_KIT"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def kit(kit_db: Database) -> Kit:
    """The kit installed beside a table with a key and one without."""
    kit_db.execute(
        "CREATE TABLE public.doc (id int PRIMARY KEY, tenant_id text); CREATE TABLE public.nokey (n int)"
    )
    return Kit(kit_db.dsn)


def valid(answer: Answer, name: str) -> dict[str, Any]:
    """The answer as JSON, after checking it."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.validate(answer.json, schema)
    return answer.json


def all_commands() -> list[list[str]]:
    found = []
    for name in root.COMMANDS:
        command = root.cli.get_command(click.Context(root.cli, **root.cli.context_settings), name)
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, sub] for sub in command.commands]
    return found


def test_every_command_has_help_with_an_example():
    for words in all_commands():
        for option in ("-h", "--help"):
            answer = run(*words, option)
            assert answer.code == 0
        text = " ".join(answer.out.split())
        assert "Example" in text, words
        assert f"pgaudit-kit {words[0]}" in text or "pgaudit-kit --dsn" in text, words
        assert answer.err == ""


def test_answers_are_json_as_their_schemas_say(kit: Kit, kit_db: Database):
    assert valid(kit("plan", "--json"), "plan")["changes"] == []
    assert valid(kit("enable", "public.doc", "--dry-run", "--json"), "plan")["summary"]["create"] > 0
    assert valid(kit("enable", "public.doc", "--tenant-column", "tenant_id", "--json"), "applied")["changes"]
    assert (
        valid(kit("enable", "public.doc", "--tenant-column", "tenant_id", "--json"), "applied")["changes"]
        == []
    )
    kit_db.execute("INSERT INTO public.doc VALUES (1, 'acme')")
    assert valid(kit("seal", "--json"), "seal")["sealed"] >= 1
    valid(kit("status", "--json"), "status")
    valid(kit("doctor", "--json"), "doctor")
    assert valid(kit("verify", "--all", "--json"), "verify")["verdict"] == "ok"
    valid(kit("install", "--yes", "--json"), "applied")
    valid(kit("apply", "--yes", "--output", "json"), "applied")
    valid(kit("apply", "--dry-run", "--json"), "plan")
    valid(kit("disable", "public.doc", "--yes", "--json"), "applied")
    valid(kit("uninstall", "--dry-run", "--json"), "plan")
    valid(kit("uninstall", "--yes", "--json"), "applied")
    valid(kit("plan", "--json"), "plan")


def test_the_answer_alone_goes_to_stdout(kit: Kit):
    answer = kit("enable", "public.doc")
    assert answer.out == "Done: 5 created.\n"
    assert "Target" in answer.err and "+ " in answer.err
    quiet = run("-q", "--dsn", kit.dsn, "disable", "public.doc", "--yes")
    assert quiet.err == ""


WRONG: dict[str, tuple[int, str]] = {
    "enable public.nokey": (2, "no-primary-key"),
    "enable public.absent": (2, "absent-table"),
    "enable doc": (2, "usage-error"),
    "enable public.doc public.doc": (2, "usage-error"),
    "enable public.doc --tenant-column absent": (2, "config-error"),
    "enable public.doc --tenant-column a --tenant-value b": (2, "usage-error"),
    "enable public.doc --exclude id": (2, "config-error"),
    "enable public.doc --operations update,drop": (2, "usage-error"),
    "enable public.doc --operations ,": (2, "usage-error"),
    "enable audit.blocks": (2, "config-error"),
    "disable public.doc --yes": (2, "absent-table"),
    "disable public.absent --yes": (2, "absent-table"),
    "install": (2, "usage-error"),
    "uninstall": (2, "usage-error"),
    "install --yes --dry-run": (2, "usage-error"),
    "uninstall --drop-data --yes": (2, "usage-error"),
    "plan --no-such-option": (2, "usage-error"),
    "seal --every 0": (2, "usage-error"),
}


def test_what_is_wrong_is_named_by_code_and_id(kit: Kit, kit_db: Database):
    kit_db.execute("ALTER FUNCTION audit.seal() COST 77")  # so that there is something to ask about
    before = catalog_state(kit_db)
    for line, (code, error) in WRONG.items():
        answer = kit(*line.split(), "--json", code=code)
        assert valid(answer, "error")["error"]["id"] == error, line
        words = kit(*line.split(), code=code)
        assert f"error[{error}]" in words.err and words.out == "", line
    assert catalog_state(kit_db) == before


def test_without_a_terminal_the_way_out_is_named(kit: Kit, kit_db: Database):
    kit_db.execute("ALTER FUNCTION audit.seal() COST 77")
    for command in ("install", "apply"):
        assert "--yes" in kit(command, code=2).err
    assert "hint: Add --yes" in kit("uninstall", code=2).err


def test_commands_on_a_database_without_the_kit(db: Database):
    kit = Kit(db.dsn)
    db.execute("CREATE TABLE public.doc (id int PRIMARY KEY)")
    for line in (
        "apply --yes",
        "enable public.doc",
        "disable public.doc --yes",
        "seal",
        "status",
        "verify --all",
    ):
        answer = kit(*line.split(), code=4)
        assert "error[not-installed]" in answer.err, line
        assert "pgaudit-kit install" in answer.err, line
    kit("uninstall", "--yes")
    kit("plan", "--exit-code", code=1)


@pytest.mark.parametrize(
    "dsn",
    ["host=127.0.0.1 port=1 dbname=x", "host=/nonexistent dbname=x", "service=absent", "postgresql://u:secret@127.0.0.1:1/x"],
)  # fmt: skip
def test_an_unreachable_server_ends_with_3(dsn: str):
    for command in (["plan"], ["install", "--yes"], ["seal"], ["uninstall", "--yes"], ["verify", "--all"]):
        answer = run("--dsn", dsn, *command)
        assert answer.code == 3, command
        assert "secret" not in answer.err


def test_a_database_that_is_not_there(kit: Kit):
    answer = run("--dsn", make_conninfo(kit.dsn, dbname="absent_db"), "plan")
    assert answer.code == 3
    assert "absent_db" in answer.err


def test_a_dsn_that_is_none_ends_with_2():
    assert run("--dsn", "postgres//x", "plan").code == 2


def test_a_broken_configuration_is_named_with_its_place(kit: Kit, tmp_path: Path):
    path = tmp_path / "pgaudit.toml"
    for text, place in (
        ("[[tables]\n", "line 1"),
        ("tabels = 1\n", "pgaudit.toml"),
        ('[[tables]]\nname = "x"\n', "tables[0]"),
        ('[timeouts]\nlock = "soon"\n', "timeouts"),
    ):
        path.write_text(text)
        for command in (["plan"], ["apply", "--yes"], ["enable", "public.doc"]):
            answer = kit(*command, code=2)
            assert "error[config-error]" in answer.err
            assert place in answer.err
        assert path.read_text() == text


def test_a_role_that_may_only_connect_is_refused_clearly(kit: Kit, kit_db: Database):
    kit("enable", "public.doc")
    role = kit_db.role()
    other = Kit(make_conninfo(kit.dsn, user=role))
    for line in (
        "plan",
        "install --yes",
        "apply --yes",
        "enable public.doc",
        "disable public.doc --yes",
        "seal",
    ):
        answer = other(*line.split(), code=3)
        assert "error[insufficient-privilege]" in answer.err, line
    other("uninstall", "--yes", code=3)
    assert kit_db.execute("SELECT count(*) FROM pg_event_trigger").fetchone() == (len(EVENT_TRIGGERS),)
    kit("plan", "--exit-code")


def test_installing_without_the_privilege_changes_nothing(db: Database):
    other = Kit(make_conninfo(db.dsn, user=db.role()))
    before = catalog_state(db)
    answer = other("install", "--yes", code=3)
    assert "error[insufficient-privilege]" in answer.err
    assert catalog_state(db) == before


def test_a_read_only_server_is_refused_clearly(kit: Kit, kit_db: Database):
    name = sql.Identifier(kit_db.name)
    kit_db.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only TO on").format(name))
    kit("plan")
    for line in ("enable public.doc", "seal", "uninstall --yes"):
        assert "error[read-only-server]" in kit(*line.split(), code=3).err, line


def test_a_database_in_sql_ascii_is_refused(server: PgServer):
    name = f"ascii_{os.getpid()}"
    server.admin.execute(
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    try:
        for command in (["plan"], ["install", "--yes"]):
            answer = run("--dsn", server.dsn(name), *command)
            assert answer.code == 3
            assert "error[unsupported-encoding]" in answer.err
    finally:
        server.drop_database(name)


FILE = """\
# ours
[[tables]]
name = "public.other"   # audited elsewhere

[actions]   # the end
publish = ["update"]
"""


def test_enable_and_disable_write_the_file_and_keep_the_rest(kit: Kit, kit_db: Database, tmp_path: Path):
    kit_db.execute("CREATE TABLE public.other (id int PRIMARY KEY)")
    path = tmp_path / "pgaudit.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    kit("enable", "public.doc", "--dry-run")
    assert path.read_text() == FILE
    answer = kit("enable", "public.doc", "--tenant-column", "tenant_id")
    assert "Written to pgaudit.toml." in answer.err
    assert path.read_text() == f'{FILE}\n[[tables]]\nname = "public.doc"\ntenant = {{column = "tenant_id"}}\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert "public.other" not in [
        change["target"] for change in kit("plan", "--json").json["changes"] if change["op"] == "drop"
    ]
    kit("disable", "public.doc", "--yes")
    assert path.read_text().startswith(FILE)
    assert "public.doc" not in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["pgaudit.toml"]


def test_without_a_file_none_is_written(kit: Kit, tmp_path: Path):
    kit("enable", "public.doc")
    kit("disable", "public.doc", "--yes")
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_another_installation_is_left_alone(kit: Kit, tmp_path: Path):
    path = tmp_path / "pgaudit.toml"
    path.write_text('schema = "elsewhere"\n')
    kit.schema = "audit"
    kit("enable", "public.doc")
    assert path.read_text() == 'schema = "elsewhere"\n'


def test_a_file_that_cannot_be_written_stops_the_command_before_it_changes_anything(
    kit: Kit, kit_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "pgaudit.toml").write_text(FILE)
    before = catalog_state(kit_db)

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    answer = kit("enable", "public.doc", code=2)
    assert "error[file-error]" in answer.err
    assert catalog_state(kit_db) == before


def test_a_dropped_table_can_be_disabled_in_the_file(kit: Kit, kit_db: Database, tmp_path: Path):
    path = tmp_path / "pgaudit.toml"
    path.write_text("")
    kit("enable", "public.doc")
    kit_db.execute("DROP TABLE public.doc")
    kit("plan", code=2)
    kit("disable", "public.doc", "--yes")
    assert "doc" not in path.read_text()
    kit("apply", "--yes")
    kit("plan", "--exit-code")
    kit("disable", "public.doc", "--yes", code=2)


def test_a_baseline_records_what_is_there(kit: Kit, kit_db: Database):
    kit_db.execute("INSERT INTO public.doc VALUES (1, 'acme'), (2, NULL)")
    kit("enable", "public.doc", "--tenant-column", "tenant_id", "--baseline")
    rows = kit_db.execute(
        "SELECT tenant_id, record_key FROM audit.events WHERE operation = 'BASELINE' ORDER BY event_id"
    ).fetchall()
    assert rows == [("acme", "1"), ("default", "2")]


def process(*args: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pgaudit_kit", *args],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # also in the background
    )  # fmt: skip


def test_sealing_at_intervals_ends_with_0_on_sigterm(kit: Kit, kit_db: Database):
    child = process("--dsn", kit.dsn, "seal", "--every", "0.1", "--json")
    _wait(kit_db, "SELECT count(*) > 0 FROM audit.blocks")
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert json.loads(out)["sealed"] >= 1
    assert "Traceback" not in err


def test_ctrl_c_ends_with_130(kit: Kit, kit_db: Database):
    kit_db.execute("ALTER FUNCTION audit.seal() COST 77")
    with psycopg.connect(kit.dsn) as holder:
        holder.execute("LOCK TABLE audit.settings IN ACCESS EXCLUSIVE MODE")
        child = process("--dsn", kit.dsn, "apply", "--yes")
        _wait(kit_db, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
        holder.rollback()
    assert child.returncode == 130, err
    assert "Traceback" not in err
    kit("plan", "--exit-code", code=1)


@pytest.mark.any_server
def test_a_closed_pipe_ends_quietly(db: Database):
    child = process("--dsn", db.dsn, "install", "--dry-run")
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    err = child.stderr.read()
    assert child.wait(timeout=60) == root.BROKEN_PIPE
    assert "Traceback" not in err and "BrokenPipe" not in err


def _wait(db: Database, query: str) -> None:
    for _ in range(3000):
        row = db.execute(query).fetchone()
        if row is not None and row[0]:
            return
        db.execute("SELECT pg_sleep(0.01)")
    raise AssertionError(f"never came true: {query}")
