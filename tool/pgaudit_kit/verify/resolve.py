"""From suspects to findings: looks at each again, and says what it was where that can be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pgaudit_kit.merkle import root_of_concatenated
from pgaudit_kit.verify.chain_level import ChainLevel
from pgaudit_kit.verify.events_level import EventsLevel
from pgaudit_kit.verify.report import Finding
from pgaudit_kit.verify.suspects import Suspect, Suspects, finding

_COMPARED = 64
"""Events, and sealed hashes, that are compared each with each."""
_RECOMPUTED = 20
"""Blocks whose Merkle root is computed again from the events."""


@dataclass(slots=True)
class Resolver:
    """Resolves the suspects of one run."""

    level: EventsLevel

    @property
    def suspects(self) -> Suspects:
        """The suspects of the run."""
        return self.level.suspects

    @property
    def chain(self) -> ChainLevel:
        """The chain level of the run."""
        return self.level.chain

    def run(self) -> None:
        """Turn all suspects into findings."""
        if not any(True for _ in self.suspects):
            return
        self.suspects.remove(
            [
                one
                for one in self.suspects
                if one.kind == "too-late" and one.log_index in self.chain.false_times
            ]
        )
        self._set_aside_rewritten_blocks()
        self._set_aside_missing_blocks()
        self._look_up()
        if self.level.tenants is not None:
            self._set_aside_others()
        self._find_substitutes()
        for suspect in self.suspects:
            self.level.findings.add(finding(suspect, self._table(suspect)))
        for tenant_id, number in self.suspects.more().items():
            self.level.findings.add_omitted(number, level="events", tenant_id=tenant_id)

    def _set_aside_rewritten_blocks(self) -> None:
        """Where a block's events still give its Merkle root, its list of hashes is wrong, not they."""
        for block in self.chain.unreliable[:_RECOMPUTED]:
            mine = [
                one for one in self.suspects if one.kind == "changed" and one.log_index == block.log_index
            ]
            if not mine:
                continue
            (row,) = self.level.session.rows(
                "block_hashes", {"log_index": block.log_index, "tenant_id": block.tenant_id}, hash_join=True
            )
            hashes = row.hashes or b""
            if len(hashes) % 32 == 0 and root_of_concatenated(hashes) == block.merkle_root:
                self.suspects.remove_of_block("changed", block.tenant_id, block.log_index)
                message = (
                    f"The events of block {block.block_number} still give its Merkle root:"
                    " its list of hashes was rewritten, they were not."
                )
                self.level.findings.note(message, tenant_id=block.tenant_id)

    def _set_aside_missing_blocks(self) -> None:
        """As many events in no block as the missing blocks held are theirs, and no findings of their own."""
        for tenant_id in {one.tenant_id for one in self.suspects if one.kind == "inserted"}:
            chain = self.chain.chains.get(tenant_id)
            number = self.suspects.count("inserted", tenant_id)
            if chain and chain.missing_blocks and chain.missing_events == number:
                self.suspects.remove_class("inserted", tenant_id)
                message = (
                    f"{number} events are in the log and in no block: as many as the missing blocks held."
                )
                self.level.findings.note(message, tenant_id=tenant_id)

    def _look_up(self) -> None:
        """Fetch what stands in the log under the suspects' ids, whoever's it is."""
        rows: dict[int, list[Any]] = {}
        for row in self._rows("details", [one.event_id for one in self.suspects]):
            rows.setdefault(row.event_id, []).append(row)
        for suspect in self.suspects:
            found = rows.get(suspect.event_id, [])
            suspect.row = next((row for row in found if row.tenant_id == suspect.tenant_id), None) or (
                found[0] if found else None
            )
            if suspect.row is None:
                continue
            if suspect.kind == "missing":
                suspect.kind = "changed"  # it is there, as another tenant's
            if suspect.kind == "changed" and suspect.row.tenant_id != suspect.tenant_id:
                suspect.remarks.append(f"it now claims to be of tenant {suspect.row.tenant_id!r}")

    def _set_aside_others(self) -> None:
        """An event that another tenant's block holds was moved here, and is that tenant's finding."""
        mine = [one for one in self.suspects if not one.sealed]
        if not mine:
            return
        held = {
            row.event_id
            for row in self._rows("holders", [one.event_id for one in mine])
            if row.tenant_id not in (self.level.tenants or ())
        }
        others = [one for one in mine if one.event_id in held]
        self.suspects.remove(others)
        for suspect in others:
            self.level.tallies[suspect.tenant_id].unsealed -= 1

    def _find_substitutes(self) -> None:
        """Compare events with what was sealed under other ids: swapped, renumbered, moved, relisted."""
        sealed = {
            one.event_id: one
            for one in self.suspects
            if one.sealed_hash and one.kind in ("changed", "missing")
        }
        present = {
            one.event_id: one for one in self.suspects if one.row and one.kind in ("changed", "inserted")
        }
        chosen = list(sealed.values())[:_COMPARED]
        if not chosen or not present:
            return
        rows = self.level.session.rows(
            "substitutes",
            {
                "event_ids": list(present)[:_COMPARED],
                "sealed_event_ids": [one.event_id for one in chosen],
                "sealed_tenant_ids": [one.tenant_id for one in chosen],
                "sealed_hashes": [one.sealed_hash for one in chosen],
            },
        )
        relisted = []
        for row in rows:
            here, there = present[row.event_id], sealed[row.sealed_event_id]
            if not row.as_it_is:
                self._remark(here, there)
            elif here is there and row.tenant_id != here.tenant_id:
                here.kind = "other-tenant"
                here.remarks.clear()
            elif here is there:
                here.remarks.append("it is there twice, once as it was sealed")
            else:
                relisted += [here, there]
                self._report_relisted(here, there)
        self.suspects.remove(relisted)

    def _remark(self, here: Suspect, there: Suspect) -> None:
        if here is there:
            here.remarks.append("nothing else of it was changed")
        elif here.kind == "changed":
            here.remarks.append(f"it now has the content of event {there.event_id}")
        else:
            here.remarks.append(f"it has the content that was sealed as event {there.event_id}")
            there.remarks.append(f"event {here.event_id} has its content: it was renumbered")

    def _report_relisted(self, here: Suspect, there: Suspect) -> None:
        message = (
            f"block {there.block_number} lists event {there.event_id} where it sealed event {here.event_id}"
        )
        self.level.findings.add(
            Finding(
                kind="event-ids",
                level="chain",
                tenant_id=there.tenant_id,
                event_id=here.event_id,
                block_number=there.block_number,
                message=message,
            )
        )

    def _table(self, suspect: Suspect) -> str | None:
        row = suspect.row
        version = self.level.facts.versions.get((row.table_id, row.table_version)) if row else None
        return version.name if version else None

    def _rows(self, query: str, event_ids: Iterable[int]) -> list[Any]:
        ids = sorted(set(event_ids))
        if not ids:
            return []
        values = {"event_ids": ids, "first": ids[0], "last": ids[-1]}
        return self.level.session.rows(query, values)
