"""How many examples the property tests try: HYPOTHESIS_PROFILE=long for 10,000, else 100."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

# No deadline: a busy machine is no failure. One database serves all examples of a test.
COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}

settings.register_profile("default", max_examples=100, **COMMON)
settings.register_profile("long", max_examples=10_000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
