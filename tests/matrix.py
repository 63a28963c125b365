"""Runs the suite on one version of PostgreSQL after the other, and sums up.

    python -m tests.matrix [MAJOR…] [-- PYTEST ARGUMENT…]

Tests that use no server are left to `make test`. Each version's output goes to the terminal and its
results to a JUnit file, from which the table at the end is made. Ends with 1 where a test failed or
a version could not run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pgaudit_kit.errors import KitError
from tests.matrix_binaries import MAJORS, fetch, unpacked

WITHOUT_SERVER = ("tests/unit", "tests/golden", "tests/docs", "tests/packaging")


@dataclass(frozen=True)
class Result:
    """What one version gave. `why`: what kept it from running."""

    version: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    why: str | None = None
    failures: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether something ran, and nothing failed."""
        return self.why is None and self.failed == 0 and self.passed > 0


def run(major: int, arguments: Sequence[str]) -> Result:
    """Downloads that version unless it is there, and runs the suite on it."""
    try:
        fetch(major)
        version = unpacked(major).version
    except (KitError, OSError) as error:
        return Result(str(major), why=str(error))
    print(f"\n=== PostgreSQL {version}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        start = time.monotonic()
        code = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", f"--junit-xml={report}"),
                *(f"--ignore={path}" for path in WITHOUT_SERVER),
                *arguments,
            ],
            env={**os.environ, "PGAUDIT_KIT_SERVERS": f"pg{major}", "PGAUDIT_KIT_REQUIRE": f"pg{major}"},
        ).returncode
        seconds = time.monotonic() - start
        if not report.is_file():
            return Result(version, seconds=seconds, why=f"pytest ended with {code}; see above")
        return read_report(report, version, seconds)


def read_report(report: Path, version: str, seconds: float) -> Result:
    """Counts each test once; one that passed and whose clean-up failed is failed."""
    outcomes: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        outcomes[name] = "failed" if "failed" in (outcome, outcomes.get(name)) else outcome
    counted = list(outcomes.values())
    return Result(
        version,
        passed=counted.count("passed"),
        failed=counted.count("failed"),
        skipped=counted.count("skipped"),
        seconds=seconds,
        failures=tuple(name for name, outcome in outcomes.items() if outcome == "failed"),
    )


def summary(results: Sequence[Result]) -> str:
    """A table, then what failed and what could not run."""
    lines = ["version   passed  failed  skipped  seconds"]
    for result in results:
        if result.why is None:
            lines.append(
                f"{result.version:<8}{result.passed:>8}{result.failed:>8}{result.skipped:>9}"
                f"{result.seconds:>9.0f}"
            )
        else:
            lines.append(f"{result.version:<8}  did not run: {result.why}")
    lines += [f"{result.version}: {name} failed" for result in results for name in result.failures]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """1 where something failed."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    majors = [int(major) for major in arguments[:at]] or list(MAJORS)
    results = [run(major, arguments[at + 1 :]) for major in majors]
    print(f"\n{summary(results)}")
    return int(not all(result.good for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
