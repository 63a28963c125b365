"""Fixtures: a server of each kind found, and a database of its own for each test."""

from __future__ import annotations

import contextlib
import gc
import zlib
from collections.abc import Iterator

import pytest

import tests.profiles  # noqa: F401  (registers them)
from pgaudit_kit.cli.main import main
from tests.servers import Database, Found, PgServer, find_servers, named, open_server

FOUND = pytest.StashKey[Found]()


def pytest_configure(config: pytest.Config) -> None:
    """Finds the servers; those that PGAUDIT_KIT_REQUIRE names have to be there."""
    config.addinivalue_line("markers", "servers(*names): runs on these servers only")
    config.addinivalue_line("markers", "any_server: runs on one of the servers, each variant on the next")
    config.addinivalue_line("markers", "own_programs: runs on servers whose programs are on this machine")
    try:
        found, required = find_servers(), named("PGAUDIT_KIT_REQUIRE")
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[FOUND] = found
    for name in required:
        if name not in found.versions:
            raise pytest.UsageError(f"required server {name} was not found: {found.missing[name]}")


def pytest_report_header(config: pytest.Config) -> str:
    """Says which servers the tests run on and which they do without."""
    return config.stash[FOUND].header()


ABOVE_SQL = ("anchors", "attacks", "cli", "clients", "evidence", "managed", "signing")
"""Folders whose tests ask what the kit does with a server, not what a version of PostgreSQL does."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves each variant of a test that `any_server` can run to one of them, in turns.

    All tests run on a version where it is the only one, as in `make test-matrix`.
    """
    variants: dict[str, dict[tuple[str, ...], list[pytest.Function]]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and _on_any_server(item):
            others = item.callspec.id.split("-")
            others.remove(str(item.callspec.params["server"]))
            variants.setdefault(item.nodeid.partition("[")[0], {}).setdefault((*others,), []).append(item)
    left = set()
    for test, each in variants.items():
        for number, on_servers in enumerate(each.values(), zlib.crc32(test.encode())):
            left |= {*on_servers} - {on_servers[number % len(on_servers)]}
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def _on_any_server(item: pytest.Function) -> bool:
    if "server" not in getattr(getattr(item, "callspec", None), "params", {}):
        return False
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    # that the functions of capture record the same on each server, the differential test sees
    by_mode = folder == "capture" and "mode" in item.callspec.params
    return folder in ABOVE_SQL or by_mode or item.get_closest_marker("any_server") is not None


def pytest_collection_finish() -> None:
    """What collecting has made stays; the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs every test that uses a server on each one found, all on one, then all on the next."""
    if "server" not in metafunc.fixturenames:
        return
    names = list(metafunc.config.stash[FOUND].versions)
    if marker := metafunc.definition.get_closest_marker("servers"):
        names = [name for name in names if name in marker.args]
    if metafunc.definition.get_closest_marker("own_programs"):
        names = [name for name in names if name in metafunc.config.stash[FOUND].binaries]
    metafunc.parametrize("server", names, indirect=True, scope="session")


class Servers(dict[str, PgServer]):
    """The servers by name, each started when first asked for."""

    def __init__(self, found: Found, stack: contextlib.ExitStack) -> None:
        super().__init__()
        self._found, self._stack = found, stack

    def __missing__(self, name: str) -> PgServer:
        self[name] = self._stack.enter_context(open_server(name, self._found))
        return self[name]


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """The servers by name; they run until the session ends."""
    with contextlib.ExitStack() as stack:
        yield Servers(pytestconfig.stash[FOUND], stack)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, servers: Servers) -> PgServer:
    """Each server found, one after the other."""
    return servers[request.param]


@pytest.fixture
def db(server: PgServer) -> Iterator[Database]:
    """A fresh, empty database: a superuser's connection in autocommit mode, with `.dsn`."""
    with server.database() as database:
        yield database


@pytest.fixture
def kit_db(server: PgServer) -> Iterator[Database]:
    """As `db`, with the kit installed; settings and grants of the database itself are not cloned."""
    with server.database(server.template("kit", install_kit)) as database:
        yield database


def install_kit(dsn: str) -> None:
    """Installs the kit as a user does."""
    code = main(["--dsn", dsn, "install", "--yes"])
    assert code == 0, f"pgaudit-kit install ended with {code}"
