"""Personal values and keys that stand beside the log: they must give what their events commit to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgaudit_kit.verify.events_level import Chunk, EventsLevel
from pgaudit_kit.verify.report import Finding

_MESSAGES = {
    "personal-changed": "the {what} kept for the event is not what it was recorded with",
    "personal-missing": "the {what} of the event is gone, and no sealed erasure record names it",
    "personal-unknown": "there is a {what} for an event that has none, or that does not exist",
}


@dataclass(slots=True)
class Personal:
    """Checks personal values and keys chunk by chunk; both tables must be readable."""

    level: EventsLevel
    _erased: dict[str, set[int]] | None = None
    _counted: set[int] = field(default_factory=set)
    _stored: bool | None = None

    def check(self, chunk: Chunk) -> None:
        """Check what belongs to the events of one chunk."""
        if self._stored is None:
            self._stored = self.level.session.rows("personal_stored")[0].stored
        personal = [
            list(pair) for pair, version in self.level.facts.versions.items() if version.key_is_personal
        ]
        values = {
            **chunk.values,
            "table_ids": [table_id for table_id, _ in personal],
            "table_versions": [version for _, version in personal],
        }
        self._counted.clear()
        with self.level.session.readable():
            self._compare(chunk, values, keys=bool(personal))

    def _compare(self, chunk: Chunk, values: dict[str, Any], *, keys: bool) -> None:
        if chunk.personal or self._stored:
            self._report(self.level.session.rows("personal_values", values, hash_join=True), "personal value")
        if keys or self._stored:
            self._report(self.level.session.rows("personal_keys", values, hash_join=True), "personal key")

    def _report(self, rows: list[Any], what: str) -> None:
        for row in rows:
            if row.event_id in self.level.suspects.event_ids:
                continue  # the event itself is a finding
            if row.kind == "personal-missing" and self._is_erased(row.tenant_id, row.event_id):
                continue
            version = self.level.facts.versions.get((row.table_id, row.table_version))
            self.level.findings.add(
                Finding(
                    kind=row.kind,
                    level="events",
                    tenant_id=row.tenant_id,
                    table=version.name if version else None,
                    record_key=row.record_key,
                    event_id=row.event_id,
                    message=_MESSAGES[row.kind].format(what=what),
                )
            )

    def _is_erased(self, tenant_id: str, event_id: int) -> bool:
        if self._erased is None:
            self._erased = {}
            for row in self.level.session.rows("erasures", {"tenants": self.level.tenants}):
                self._erased.setdefault(row.tenant_id, set()).add(row.event_id)
        if event_id not in self._erased.get(tenant_id, ()):
            return False
        if event_id not in self._counted:
            self._counted.add(event_id)
            self.level.tallies[tenant_id].erased += 1
        return True
