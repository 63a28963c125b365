"""`pgaudit-kit demo`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgaudit_kit.cli.demo import Silent
from pgaudit_kit.cli.main import main
from pgaudit_kit.demo import DemoFailed, Table, tampering, tell
from pgaudit_kit.demo.kit import Answer, Kit
from pgaudit_kit.demo.story import Story
from pgaudit_kit.demo.tampering import Attack, Tampering
from pgaudit_kit.server import Server, ephemeral_server, postmaster
from tests.people import open_folder
from tests.servers import find_servers

WIDTH = 100
DEADLINE_S = 30.0
FINDINGS = [{"event_id": 1, "kind": "x"}, {"event_id": None, "kind": "y"}, {"event_id": 1, "kind": "z"}]
TAMPERINGS = {"changed", "deleted", "back-dated"}

found = find_servers().binaries
pytestmark = [pytest.mark.long]
needs_server = pytest.mark.skipif(not found, reason="no PostgreSQL on this machine")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demonstration puts its server."""
    with open_folder() as path:
        yield path


def start(folder: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    """The command in a process of its own, with its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "pgaudit_kit", "demo", *options],
        env={**os.environ, "TMPDIR": str(folder), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def at_work_in(folder: Path) -> list[str]:
    """The processes that are in the folder or below it."""
    working = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                working.append((process / "cmdline").read_text())
    return working


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--help"]) == 0
    assert "Example:" in capsys.readouterr().out


@needs_server
def test_what_a_pipe_gets_is_plain_and_names_each_tampering(folder: Path) -> None:
    process = start(folder)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert (err, "\x1b" in out) == ("", False)
    assert max(len(line) for line in out.splitlines() if "PGAUDIT_KIT_DSN" not in line) <= WIDTH
    report = out.rpartition("$ pgaudit-kit verify --all")[2].partition("This demonstration")[0]
    for what in TAMPERINGS:
        number = re.search(rf"(\d+) {what}: \S", out)
        assert number, what
        assert re.search(rf"\bevent {number[1]}\b", report), what
    assert list(folder.iterdir()) == []
    assert at_work_in(folder) == []


@needs_server
@pytest.mark.parametrize("name", [name for name in found if name != "embedded"])
def test_other_programs_serve_too_whatever_the_environment_says(name: str, folder: Path) -> None:
    elsewhere = {"PGSERVICE": "absent", "PGCHANNELBINDING": "require", "PGAUDIT_KIT_SCHEMA": "elsewhere"}
    process = start(folder, "--pg-bindir", str(found[name].bindir), "--json", **elsewhere)
    out, err = process.communicate()
    assert process.returncode == 0, err
    facts = json.loads(out)
    assert facts["server_version"] == found[name].version
    assert {it["what"] for it in facts["tamperings"] if it["found_as"]} == TAMPERINGS


@needs_server
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killed_in_the_middle_it_leaves_no_process_behind(folder: Path) -> None:
    process = start(folder)
    assert process.stdout is not None
    for line in process.stdout:
        if "clients write at once" in line:
            break
    assert len(at_work_in(folder)) > 1
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert postmaster.wait_until(lambda: not at_work_in(folder), DEADLINE_S), at_work_in(folder)


class Remembering(Silent):
    """Keeps the tables that are shown."""

    def __init__(self) -> None:
        self.tables: dict[str, Sequence[Sequence[str]]] = {}

    def table(self, table: Table) -> None:
        self.tables[table.headings[0]] = table.rows


@needs_server
def test_the_figures_agree_with_the_database(folder: Path) -> None:
    teller = Remembering()
    with ephemeral_server(base=folder) as server:
        facts = tell(server.dsn(), server.cluster.home, teller)
        held = events_by_tenant(server)
    shown = {row[0]: int(row[-1].replace(",", "")) for row in teller.tables["tenant"]}
    tampered = {"acme": -1, "globex": 1}  # deleted, inserted
    expected = {tenant: number + tampered.get(tenant, 0) for tenant, number in shown.items()}
    assert held == {tenant: number for tenant, number in expected.items() if tenant != "all"}
    assert shown["all"] == facts["events"] == sum(held.values())
    assert teller.tables["what the clients did"][0][1:] == ("1,800", "1,800")


LATER = ["log-read", "guards-changed", "access-changed"]


def events_by_tenant(server: Server) -> dict[str, int]:
    with psycopg.connect(server.dsn()) as conn:
        # what it reads, grants and tampers with after it has shown the figures leaves traces
        query = (
            "SELECT tenant_id, count(*) FROM audit.change_events"
            " WHERE coalesce(new_values ->> 'kind', '') <> ALL (%s) OR event_id < (SELECT min(r.event_id)"
            " FROM audit.change_events AS r WHERE r.new_values ->> 'kind' = 'log-read') GROUP BY tenant_id"
        )
        return {tenant: number for tenant, number in conn.execute(query, [LATER])}


class Overlooking(Kit):
    """Its verification finds some of what was done."""

    def run(self, *arguments: str, expect: int = 0, show: bool = True) -> Answer:
        return Answer(expect, json.dumps({"findings": FINDINGS}), "")


@pytest.mark.parametrize(("tampered", "missed"), [((1,), None), ((1, 2), "Event 2 was changed")])
def test_a_tampering_that_is_not_found_is_a_failure(tampered: tuple[int, ...], missed: str | None) -> None:
    nothing: Any = None
    attack = Attack([], [Tampering("changed", number, "acme", nothing) for number in tampered], [])
    story = Story("", Overlooking("", Path(), Silent()), Silent(), nothing)
    if missed is None:
        story.verify_again(attack)
        return
    with pytest.raises(DemoFailed, match=missed) as caught:
        story.verify_again(attack)
    assert caught.value.exit_code == 1


def test_each_tampering_is_told_with_what_verification_calls_it() -> None:
    nothing: Any = None
    events = tampering.named(json.dumps({"findings": FINDINGS}))
    assert tampering.found(Attack([], [Tampering("deleted", 1, "acme", nothing)], []), events) == (
        "1 deleted: x, z"
    )
