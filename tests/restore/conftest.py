"""What is dumped, and where to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.restore.story import build
from tests.servers import Database, PgServer


@pytest.fixture
def source(server: PgServer) -> str:
    """The name of an audited database, to which nobody is connected."""
    return server.template("restore", build)


@pytest.fixture
def copy(server: PgServer) -> Iterator[Database]:
    with server.database() as database:
        yield database
