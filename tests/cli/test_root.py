"""The root command: exit codes, errors as text and JSON, precedence; no server is needed."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psycopg
import pytest
from rich.table import Table

from pgaudit_kit import __version__
from pgaudit_kit.cli import main as root
from pgaudit_kit.cli.app import App, confirm, confirm_options, pass_app
from pgaudit_kit.cli.output import output_options, printable
from pgaudit_kit.errors import NoPrimaryKey


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without configuration, an environment without defaults."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PG", "PGAUDIT_KIT"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[App], object]], None]]:
    """Registers a command `probe` that does what the test says."""

    def register(work: Callable[[App], object]) -> None:
        @click.command()
        @output_options
        @pass_app
        def command(app: App) -> object:
            return work(app)

        monkeypatch.setattr(root.Commands, "get_command", lambda self, ctx, name: command)

    yield register


def fails_with(error: BaseException) -> Callable[[App], object]:
    def work(app: App) -> object:
        raise error

    return work


def test_version(capsys):
    assert root.main(["--version"]) == 0
    assert capsys.readouterr().out == f"pgaudit-kit {__version__}\n"


def test_short_help(capsys):
    assert root.main(["-h"]) == 0
    assert "PGAUDIT_KIT_DSN" in capsys.readouterr().out


def test_every_registered_command_has_help(capsys):
    for name in root.COMMANDS:
        assert root.main([name, "-h"]) == 0
        assert f"pgaudit-kit {name}" in capsys.readouterr().out


def test_no_command_shows_the_help_and_ends_with_2(capsys):
    assert root.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage" in captured.err


@pytest.mark.parametrize("args", [["--bad"], ["absent"], ["--dsn"], ["absent", "--json"]])
def test_wrong_usage_ends_with_2(args: list[str]):
    assert root.main(args) == 2


def test_error_as_text(probe, capsys):
    probe(fails_with(NoPrimaryKey("public.events has no primary key", at="pgaudit.toml: tables[3]")))
    assert root.main(["probe"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error[no-primary-key]: public.events has no primary key\n"
        "  at:   pgaudit.toml: tables[3]\n"
        f"  hint: {NoPrimaryKey.hint}\n"
    )


@pytest.mark.parametrize("option", [["--json"], ["--output", "json"], ["--output=json"]])
def test_error_as_json(probe, capsys, option: list[str]):
    probe(fails_with(NoPrimaryKey("no key", at="here")))
    assert root.main(["probe", *option]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "version": 1,
        "error": {"id": "no-primary-key", "message": "no key", "hint": NoPrimaryKey.hint, "at": "here"},
    }


def test_usage_error_as_json(probe, capsys):
    probe(lambda app: None)
    assert root.main(["probe", "--json", "--bad"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["id"] == "usage-error"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (RuntimeError("slip"), 4),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 2),
        (psycopg.errors.InsufficientPrivilege("no"), 3),
        (BrokenPipeError(), root.BROKEN_PIPE),
    ],
)
def test_whatever_fails_ends_with_its_code_and_no_traceback(probe, capfd, error: BaseException, code: int):
    probe(fails_with(error))
    assert root.main(["probe"]) == code
    assert "Traceback" not in capfd.readouterr().err


def test_traceback_with_vv(probe, capsys):
    probe(fails_with(RuntimeError("slip")))
    assert root.main(["-vv", "probe"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_answer_of_a_check_is_the_exit_code(probe):
    probe(lambda app: 1)
    assert root.main(["probe"]) == 1


def test_json_answer_says_its_version(probe, capsys):
    probe(lambda app: app.out.emit({"a": 1}, "text"))
    assert root.main(["probe", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "a": 1}


def test_text_keeps_brackets_and_long_lines_and_shows_control_characters(probe, capsys):
    probe(lambda app: app.out.emit({}, "[red]x[/red] \x1b[31m" + "y " * 200))
    root.main(["probe"])
    assert capsys.readouterr().out == "[red]x[/red] \\x1b[31m" + "y " * 200 + "\n"


def test_no_colour_where_there_is_no_terminal(probe, capsys):
    table = Table("a", title="t", title_style="bold red")
    probe(lambda app: app.out.emit({}, lambda: table))
    root.main(["probe"])
    assert "\x1b" not in capsys.readouterr().out


def test_quiet_leaves_the_answer(probe, capsys):
    def work(app: App) -> None:
        app.out.info("on the way")
        app.out.emit({}, "answer")

    probe(work)
    root.main(["-q", "probe"])
    assert capsys.readouterr() == ("answer\n", "")


def test_printable_keeps_tabs_and_newlines():
    assert printable("a\tb\nc\x07\x9b") == "a\tb\nc\\x07\\x9b"


def test_unreachable_server_ends_with_3(probe, capsys, tmp_path):
    probe(lambda app: app.connect())
    assert root.main(["--dsn", f"host={tmp_path}", "probe"]) == 3
    assert "error[server-unreachable]" in capsys.readouterr().err


def test_broken_configuration_ends_with_2_and_says_the_line(probe, capsys, tmp_path):
    (tmp_path / "pgaudit.toml").write_text("schema = 'audit'\n[[tables]\n")
    probe(lambda app: app.schema)
    assert root.main(["probe"]) == 2
    assert "pgaudit.toml: line 2" in capsys.readouterr().err


def test_configuration_that_was_named_but_is_absent_ends_with_2(probe):
    probe(lambda app: app.config)
    assert root.main(["--config", "absent.toml", "probe"]) == 2


def test_schema_precedence_is_option_environment_file_default(probe, monkeypatch, tmp_path):
    seen: list[str] = []
    probe(lambda app: seen.append(app.schema))
    root.main(["probe"])
    (tmp_path / "pgaudit.toml").write_text("schema = 'from_file'")
    root.main(["probe"])
    monkeypatch.setenv("PGAUDIT_KIT_SCHEMA", "from_environment")
    root.main(["probe"])
    root.main(["--schema", "from_option", "probe"])
    assert seen == ["audit", "from_file", "from_environment", "from_option"]


def test_schema_that_cannot_be_ends_with_2(probe):
    probe(lambda app: app.schema)
    assert root.main(["--schema", "pg_catalog", "probe"]) == 2


def test_without_terminal_and_yes_nothing_is_confirmed(probe, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    probe(lambda app: confirm(app, "Go?", yes=False))
    assert root.main(["probe"]) == 2
    assert "--yes" in capsys.readouterr().err


def test_yes_and_dry_run_exclude_each_other(monkeypatch):
    @click.command()
    @confirm_options
    def command(yes: bool, dry_run: bool) -> None:
        raise AssertionError("not reached")

    monkeypatch.setattr(root.Commands, "get_command", lambda self, ctx, name: command)
    assert root.main(["probe", "--yes", "--dry-run"]) == 2


def test_module_runs_like_the_script_and_survives_a_closed_pipe():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "pgaudit_kit", "-h"]
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (result.returncode, result.stderr) == (root.BROKEN_PIPE, "")
