"""Fixtures of the capture tests: tables that are audited, by either function."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.capture.helpers import MODES, Audited, enable
from tests.servers import Database

Audit = Callable[..., Audited]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which function records: the specialised one or the generic one, or what the module's IN_MODES says."""
    if "mode" in metafunc.fixturenames:
        metafunc.parametrize("mode", getattr(metafunc.module, "IN_MODES", MODES))


@pytest.fixture
def audited(kit_db: Database, mode: str) -> Audit:
    """`audited(ddl, *options, table="public.t")`: makes a table and audits it, in each mode."""

    def make(ddl: str, *options: str, table: str = "public.t") -> Audited:
        kit_db.execute(ddl.encode())
        enable(kit_db, table, *options, *(["--bulk"] if mode.startswith("bulk") else []))
        return Audited(kit_db, table, mode)

    return make
