"""`pgaudit-kit server`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgaudit_kit import server as servers
from pgaudit_kit.cli.main import main
from tests.people import open_folder, ordinary_user
from tests.servers import find_servers

FACTS = {"version", "running", "pid", "dsn", "server_version", "data_dir", "log_file"}

found = find_servers().binaries
needs_server = pytest.mark.skipif(not found, reason="no PostgreSQL on this machine")


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    """The data directory of a running server."""
    with open_folder() as folder:
        servers.start(folder / "home")
        yield str(folder / "home")
        servers.stop(folder / "home")


@pytest.fixture
def stopped() -> Iterator[str]:
    """A data directory that does not exist yet; a server in it is stopped in the end."""
    with open_folder() as folder:
        yield str(folder / "home")
        servers.stop(folder / "home")


@pytest.mark.parametrize("name", [None, "start", "stop", "status", "dsn"])
def test_help_has_an_example(name: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", *([name] if name else []), "--help"]) == 0
    assert "Example:" in capsys.readouterr().out


@needs_server
def test_dsn_prints_the_dsn_alone(running: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "dsn", "--data-dir", running]) == 0
    dsn = capsys.readouterr().out.removesuffix("\n")
    assert not set(dsn) & {"\n", " "}
    with psycopg.connect(dsn) as conn:
        assert conn.info.dbname == "postgres"


@needs_server
def test_dsn_names_another_database(running: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "dsn", "--data-dir", running, "--dbname", "a b", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"version", "dsn"}
    assert psycopg.conninfo.conninfo_to_dict(answer["dsn"])["dbname"] == "a b"


def test_dsn_of_no_server_is_an_error(stopped: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "dsn", "--data-dir", stopped]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error[server-not-running]" in captured.err
    assert "pgaudit-kit server start" in captured.err


@needs_server
def test_status_is_0_where_it_runs(running: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "status", "--data-dir", running, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == FACTS
    assert answer["running"] is True
    assert isinstance(answer["pid"], int)


def test_status_is_1_where_it_does_not(stopped: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "status", "--data-dir", stopped, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == FACTS
    assert (answer["running"], answer["pid"], answer["dsn"]) == (False, None, None)
    assert main(["server", "status", "--data-dir", stopped]) == 1
    assert capsys.readouterr().out == f"Not running: {stopped}\n"


def test_stop_of_no_server_is_no_error(stopped: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "stop", "--data-dir", stopped, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == FACTS | {"stopped"}
    assert answer["stopped"] is False
    assert not Path(stopped).exists()


@pytest.mark.parametrize("name", found)
def test_start_twice_makes_one_server(name: str, stopped: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["server", "start", "--data-dir", stopped, "--pg-bindir", str(found[name].bindir), "--json"]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert set(first) == FACTS | {"started"}
    assert main(command) == 0
    second = json.loads(capsys.readouterr().out)
    assert (first["started"], second["started"]) == (True, False)
    assert first["pid"] == second["pid"]
    assert first["server_version"] == str(found[name].major)
    assert main(["server", "stop", "--data-dir", stopped]) == 0
    assert capsys.readouterr().out == "Stopped.\n"


def test_a_wrong_bindir_is_an_error_with_a_hint(stopped: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "start", "--data-dir", stopped, "--pg-bindir", stopped]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error[no-binaries]" in captured.err
    assert "pg_config --bindir" in captured.err


@needs_server
def test_an_ordinary_user_needs_no_option() -> None:
    user = ordinary_user()

    def kit(*arguments: str) -> subprocess.CompletedProcess[str]:
        return user.run(folder, "-m", "pgaudit_kit", "server", *arguments)

    with open_folder(user.uid) as folder:
        try:
            assert kit("start").returncode == 0
            assert kit("status").returncode == 0
            with psycopg.connect(kit("dsn").stdout.strip()) as conn:
                assert conn.execute("SELECT 1").fetchone() == (1,)
            assert (folder / ".local/share/pgaudit-kit/data").is_dir()
        finally:
            assert kit("stop").stdout == "Stopped.\n"
        assert kit("status").returncode == 1
