"""`pgaudit-kit run` and `seal`: signals, output, exit codes, the systemd unit."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from pgaudit_kit.cli.systemd_unit import unit_text
from pgaudit_kit.server.postmaster import wait_until
from tests.kit import Kit, run
from tests.sealing import audited_table, sealed_once, write
from tests.servers import Database

TOTALS = {"version", "sealed", "partitions_made", "rows_moved", "reconnects"}


@contextmanager
def started(dsn: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own; killed where the test did not end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pgaudit_kit", "--dsn", dsn, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def line_with(process: subprocess.Popen[str], is_it: Callable[[str], bool]) -> str:
    """The first line of stderr that is the one."""
    assert process.stderr
    seen = []
    for line in process.stderr:
        seen.append(line)
        if is_it(line):
            return line
    raise AssertionError(f"ended without that line: {seen}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_worker_cleanly(kit_db: Database, number: signal.Signals) -> None:
    with started(kit_db.dsn, "run", "--every", "0.1") as process:
        line_with(process, lambda line: "sealed  events=1" in line)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopped" in err
    assert out == "Sealed 1 events, made 0 partitions.\n"
    assert "Traceback" not in err


@pytest.mark.any_server
def test_json_lines(kit_db: Database) -> None:
    with started(kit_db.dsn, "run", "--json") as process:
        sealed = json.loads(line_with(process, lambda line: '"sealed"' in line))
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert sealed["level"] == "info"
    assert sealed["events"] == 1
    assert all(json.loads(line)["timestamp"] for line in err.splitlines())
    answer = json.loads(out)
    assert set(answer) == TOTALS
    assert answer["sealed"] == 1


@pytest.mark.any_server
def test_quiet_leaves_warnings(kit_db: Database) -> None:
    with started(kit_db.dsn, "-q", "run", "--every", "0.05") as process:
        for _ in range(200):
            row = kit_db.execute("SELECT sealed_at IS NOT NULL FROM audit.seal_state").fetchone()
            if row and row[0]:
                break
            kit_db.execute("SELECT pg_sleep(0.05)")
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


@pytest.mark.any_server
def test_seal_every_goes_on_until_it_is_told_to_stop(kit_db: Database) -> None:
    with started(kit_db.dsn, "seal", "--every", "0.1", "--json") as process:
        line_with(process, lambda line: '"sealed"' in line)
        process.terminate()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out) == {"version": 1, "sealed": 1}


def test_seal_once(kit_db: Database) -> None:
    kit = Kit(kit_db.dsn)
    assert kit("seal", "--json").json == {"version": 1, "sealed": 1}
    assert kit("seal").out == "Sealed 0 events.\n"


@pytest.mark.any_server
def test_a_sealer_needs_no_more_than_its_role(kit_db: Database) -> None:
    sealer = kit_db.role()
    kit_db.execute(f"GRANT pgaudit_kit_sealer TO {sealer}")
    assert Kit(make_conninfo(kit_db.dsn, user=sealer))("seal").out == "Sealed 1 events.\n"


@pytest.mark.any_server
@pytest.mark.parametrize("command", ["run", "seal"])
def test_exit_codes(db: Database, command: str, tmp_path: Path) -> None:
    assert Kit(db.dsn)(command, "--json", code=4).json["error"]["id"] == "not-installed"
    assert run("--dsn", f"host={tmp_path}", command).code == 3
    assert run(command, "--every", "0").code == 2


@pytest.mark.any_server
@pytest.mark.parametrize("command", ["run", "seal"])
def test_a_stranger_is_refused(kit_db: Database, command: str) -> None:
    Kit(make_conninfo(kit_db.dsn, user=kit_db.role()))(command, code=3)


@pytest.mark.parametrize("command", ["run", "seal"])
def test_help_has_an_example(command: str) -> None:
    assert "Example:" in run(command, "--help").out


def test_the_unit_needs_no_server_and_tells_no_password() -> None:
    answer = run("--dsn", "postgresql://u:secret@h/d", "--schema", "My Audit", "run", "--systemd-unit")
    assert answer.code == 0
    assert "secret" not in answer.out + answer.err
    command = next(line for line in answer.out.splitlines() if line.startswith("ExecStart="))
    assert shlex.split(command.removeprefix("ExecStart="))[1:] == ["--schema", "My Audit", "run", "--json"]


def test_the_unit_as_json() -> None:
    assert run("run", "--systemd-unit", "--json").json["unit"].startswith("[Unit]")


def test_words_of_the_unit_are_quoted_as_systemd_reads_them() -> None:
    assert 'ExecStart=/x "a b" 100%% $$HOME "q\\"" ""\n' in unit_text(
        ["/x", "a b", "100%", "$HOME", 'q"', ""]
    )


@pytest.mark.any_server
def test_install_says_how_sealing_is_kept_going(db: Database) -> None:
    kit = Kit(db.dsn)
    assert "pgaudit-kit run --systemd-unit" in kit("install", "--yes").err
    kit("seal")
    assert "run" not in kit("install", "--yes").err


@pytest.mark.any_server
def test_the_worker_signs_beside_its_sealing(kit_db: Database, tmp_path: Path) -> None:
    key = tmp_path / "shop.key"
    assert run("key", "generate", "audit.example.com/shop", "--key", str(key)).code == 0
    config = tmp_path / "pgaudit.toml"
    config.write_text('[signing]\norigin = "audit.example.com/shop"\nkey = "shop.key"\nevery = "1s"\n')
    with started(kit_db.dsn, "--config", str(config), "run", "--json") as process:
        signed = json.loads(line_with(process, lambda line: '"signed"' in line))
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert signed["size"] >= 1
    assert json.loads(out)["checkpoints_signed"] >= 1
    kit_db.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    kit_db.execute("UPDATE audit.blocks SET header = header || ' ' WHERE log_index = 0")
    with started(kit_db.dsn, "--config", str(config), "run") as process:
        line_with(process, lambda line: "not signed" in line and "error" in line)
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 1


@pytest.mark.any_server
def test_an_anchor_that_never_answers_holds_up_neither_sealing_nor_writers(
    kit_db: Database, tmp_path: Path
) -> None:
    audited_table(kit_db, kit_db.dsn)
    assert run("key", "generate", "audit.example.com/shop", "--key", str(tmp_path / "shop.key")).code == 0
    made = run("key", "generate", "witness.example/w1", "--witness", "--key", str(tmp_path / "w1.key"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = tmp_path / "pgaudit.toml"
        config.write_text(
            '[signing]\norigin = "audit.example.com/shop"\nkey = "shop.key"\nevery = "1s"\n'
            '[[anchors]]\ntype = "witness"\nname = "silent"\ntimeout_s = 600\n'
            f'url = "http://127.0.0.1:{silent.getsockname()[1]}"\nvkey = "{made.out.strip()}"\n'
        )
        with started(kit_db.dsn, "--config", str(config), "run") as process:
            silent.settimeout(60)
            asked, _ = silent.accept()
            with asked:  # the signer waits for its answer from here on
                for first in (1, 2):
                    write(kit_db, first)
                    assert wait_until(lambda: sealed_once(kit_db), 60)
                assert process.poll() is None
                process.terminate()
            process.communicate(timeout=60)
        assert process.returncode == 0


@pytest.mark.any_server
def test_a_worker_whose_key_is_missing_does_not_begin(kit_db: Database, tmp_path: Path) -> None:
    config = tmp_path / "pgaudit.toml"
    config.write_text('[signing]\norigin = "audit.example.com/shop"\nkey = "shop.key"\n')
    answer = run("--dsn", kit_db.dsn, "--config", str(config), "run")
    assert answer.code == 2 and "cannot be read" in answer.err
