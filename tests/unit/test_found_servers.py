"""Which servers tests run on: what is chosen, what is there, what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgaudit_kit.errors import ServerUnreachable
from tests import container, matrix_binaries
from tests.servers import USUAL, Found, find_servers, named


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server chosen, none there outside this machine."""
    for variable in ("PGAUDIT_KIT_SERVERS", "PGAUDIT_KIT_REQUIRE", "PGAUDIT_TEST_DSN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


def look() -> Found:
    """Looks anew, whatever was found before."""
    return find_servers.__wrapped__()


def test_without_a_choice_the_usual_ones_are_looked_for() -> None:
    found = look()
    assert {*found.versions, *found.missing} == set(USUAL)


def test_no_docker_engine_is_said_and_is_no_failure() -> None:
    assert "container (no Docker engine answers)" in look().header()
    with pytest.raises(ServerUnreachable):
        container.image()


def test_a_version_that_was_not_downloaded_is_said_with_what_does_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(matrix_binaries, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("PGAUDIT_KIT_SERVERS", "pg14, dsn")
    monkeypatch.setenv("PGAUDIT_KIT_REQUIRE", "pg16")
    assert look().header() == (
        "servers: none; not found: pg14 (not downloaded; `make fetch-matrix` does it);"
        " dsn (PGAUDIT_TEST_DSN is not set); pg16 (not downloaded; `make fetch-matrix` does it)"
    )


def test_a_server_that_cannot_be_reached_is_said_with_the_drivers_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGAUDIT_TEST_DSN", "host=/nowhere")
    monkeypatch.setenv("PGAUDIT_KIT_SERVERS", "dsn")
    assert "No such file or directory" in look().missing["dsn"]


def test_an_unknown_name_is_an_error_that_lists_the_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAUDIT_KIT_SERVERS", "embedded,pg13")
    with pytest.raises(
        ValueError, match=r"PGAUDIT_KIT_SERVERS: unknown server 'pg13'; known: embedded, .*pg18"
    ):
        named("PGAUDIT_KIT_SERVERS")


def test_settings_reach_the_server_in_a_container() -> None:
    assert container.command({"wal_level": "logical", "max_connections": "200"}) == [
        "postgres", "-c", "wal_level=logical", "-c", "max_connections=200",
    ]  # fmt: skip
