"""Fixtures of the traps."""

from __future__ import annotations

import pytest

from tests.capture.helpers import MODES
from tests.servers import Database
from tests.traps.trap import Trap


@pytest.fixture
def trap(kit_db: Database) -> Trap:
    """A database with the kit."""
    return Trap(kit_db)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Which function records: the specialised one or the generic one."""
    name: str = request.param
    return name
