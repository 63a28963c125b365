"""How an installation is doing: `status` says what there is, `doctor` what is wrong with it."""

from pgaudit_kit.doctor.examine import CHECKS, examine
from pgaudit_kit.doctor.model import LEVELS, Finding, Level, Result
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.doctor.status import Status, read_status

__all__ = [
    "CHECKS",
    "LEVELS",
    "Finding",
    "Level",
    "Result",
    "Source",
    "Status",
    "examine",
    "read_status",
]
