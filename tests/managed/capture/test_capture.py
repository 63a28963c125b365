"""What is recorded of each kind of statement and value is the same without a superuser.

The tests are those of tests/capture, on another database.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.capture import (
    test_context,
    test_names,
    test_partitions,
    test_statements,
    test_tenants,
    test_truncate,
    test_values,
)

pytestmark = [pytest.mark.own_programs, pytest.mark.any_server]

MODULES: tuple[ModuleType, ...] = (
    test_context,
    test_names,
    test_partitions,
    test_statements,
    test_tenants,
    test_truncate,
    test_values,
)
NOT_BOSS = (
    "test_baseline_never_leaves_out_rows_that_a_policy_hides"  # the table is nobody's that boss acts for
)

for _module in MODULES:
    for _name, _test in vars(_module).items():
        if _name.startswith("test_") and _name != NOT_BOSS:
            assert _name not in globals(), f"two modules have {_name}"
            globals()[_name] = _test
