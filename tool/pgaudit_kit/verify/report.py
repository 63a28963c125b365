"""What a verification found: verdicts for each tenant and level, findings, and what was not established."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Verdict = Literal["ok", "failed", "unknown"]
LevelVerdict = Literal["ok", "failed", "unknown", "not_run"]
Integrity = Literal["self-consistent", "signed", "anchored", "witnessed"]
Time = Literal["asserted", "bracketed", "timestamped"]
Level = Literal["events", "chain", "checkpoint", "completeness", "replay"]

LEVELS: tuple[Level, ...] = get_args(Level)
EXIT_CODES: Mapping[Verdict, int] = {"ok": 0, "failed": 1, "unknown": 4}

Progress = Callable[[str, int, int], None]
"""Called with what is being checked (blocks or events), how many are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was sealed. `tenant_id` is None where it concerns every tenant."""

    kind: str
    level: Level
    message: str
    tenant_id: str | None = None
    table: str | None = None
    record_key: str | None = None
    event_id: int | None = None
    block_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to know that is no finding: what could not be judged, and why."""

    message: str
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantReport:
    """One tenant's verdicts and numbers of events.

    `checked` are sealed events that are in the log and were compared with their hash; `sealed` is
    what the blocks hold; `not_covered` are rows without any event, None where that was not looked at.
    """

    tenant_id: str
    levels: Mapping[Level, LevelVerdict]
    checked: int = 0
    sealed: int = 0
    unsealed: int = 0
    oldest_unsealed_s: float | None = None
    erased: int = 0
    archived: int = 0
    not_covered: int | None = None
    first_broken_block: int | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of the levels that were run."""
        verdicts = set(self.levels.values())
        return "failed" if "failed" in verdicts else "unknown" if "unknown" in verdicts else "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """By whom the log is vouched for, and how far: sizes are numbers of its blocks.

    `integrity` self-consistent: by the database alone; signed: by the key of the log; anchored: by a copy
    of a checkpoint outside; witnessed: by as many witnesses as the policy asks for. `time` asserted: by
    the database's clock; bracketed: others saw the checkpoints before and after at their times;
    timestamped: by an authority's token (RFC 3161).
    """

    integrity: Integrity = "self-consistent"
    time: Time = "asserted"
    log_size: int = 0
    signed_size: int = 0
    anchored_size: int = 0
    witnessed_size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one run."""

    verdict: Verdict
    tenants: tuple[TenantReport, ...]
    findings: tuple[Finding, ...]
    findings_omitted: int = 0
    """Findings beyond those listed: a kind is listed up to a limit for each tenant."""
    notes: tuple[Note, ...] = ()
    proof: Proof = Proof()
    since: int = 0
    """Blocks of the log before this one were not looked at again."""
    tables_expected: int = 0
    """How many tables the policy says must be audited."""

    @property
    def exit_code(self) -> int:
        """0 ok, 1 failed, 4 unknown."""
        return EXIT_CODES[self.verdict]
