"""Verifies the log; trusts PostgreSQL's built-in functions, and nothing that was installed with the kit."""

from pgaudit_kit.verify.report import (
    LEVELS,
    Finding,
    Level,
    LevelVerdict,
    Note,
    Progress,
    Proof,
    Report,
    TenantReport,
    Verdict,
)
from pgaudit_kit.verify.run import verify
from pgaudit_kit.verify.trust import Trust

__all__ = [
    "LEVELS",
    "Finding",
    "Level",
    "LevelVerdict",
    "Note",
    "Progress",
    "Proof",
    "Report",
    "TenantReport",
    "Trust",
    "Verdict",
    "verify",
]
