"""Check of tables that were dropped while audited, and of those that have their names now."""

from __future__ import annotations

from pgaudit_kit.catalog import made_anew
from pgaudit_kit.doctor.model import Finding, check, warn
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.names import QualifiedName


def _read(source: Source) -> list[QualifiedName]:
    if source.pending is not None or source.pending_error:
        return []  # the configuration file says what shall be audited
    return made_anew(source.conn, source.templates, source.installation)


@check("made-anew", fine="no table took the name of an audited one that was dropped", read=_read)
def made_anew_tables(facts: list[QualifiedName]) -> list[Finding]:
    """Tables that were dropped and created again: nobody has said that the new ones are audited."""
    return [
        warn(
            f"{name.display} was dropped while audited; the table that has its name now is not audited.",
            f"`pgaudit-kit enable {name.display}` audits it.",
        )
        for name in facts
    ]
