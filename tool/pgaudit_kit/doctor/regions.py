"""Check of where the log lies, where regions are declared."""

from __future__ import annotations

from pgaudit_kit.doctor.capture import APPLY
from pgaudit_kit.doctor.model import Finding, Row, check, fail


@check(
    "regions",
    fine="every partition lies as the declared regions say, with its indexes and TOAST",
    read=lambda source: source.rows("doctor/regions"),
)
def regions(facts: list[Row]) -> list[Finding]:
    """Partitions that are not divided by region, or lie in another tablespace."""
    return [fail(f"{row['name']}: {row['problem']}.", APPLY) for row in facts]
