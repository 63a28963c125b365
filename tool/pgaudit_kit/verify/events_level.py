"""Level events: every event against its block's hash, a range of ids at a time, by SQL of verify's own."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgaudit_kit.verify.chain_level import CHUNK, ChainLevel
from pgaudit_kit.verify.facts import Facts
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding, Progress
from pgaudit_kit.verify.session import Session
from pgaudit_kit.verify.suspects import Suspect, Suspects

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


@dataclass(slots=True)
class Tally:
    """Numbers of one tenant's events."""

    checked: int = 0
    unsealed: int = 0
    oldest_unsealed: float | None = None
    """Seconds since 1970."""
    erased: int = 0


@dataclass(slots=True)
class Chunk:
    """A range of event ids, and how many of its events have personal values."""

    values: dict[str, Any]
    personal: int = 0


@dataclass(slots=True)
class EventsLevel:
    """Judges the events of the given tenants (None for all) after the chain level has read the blocks."""

    session: Session
    facts: Facts
    chain: ChainLevel
    findings: Findings
    tenants: Sequence[str] | None
    since: int = 0
    tallies: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    suspects: Suspects = field(default_factory=Suspects)
    _overlap: int | None = None
    _strangers: dict[tuple[str, int | None, int | None], list[int]] = field(default_factory=dict)

    @property
    def same_incarnation(self) -> bool:
        """Whether this is the copy of the database that sealed last, so that its ids can be compared."""
        sealed, here = self.chain.seals.incarnation, self.facts.incarnation
        return sealed is not None and (
            (sealed.system_identifier, sealed.timeline, sealed.database_oid)
            == (here.system_identifier, here.timeline, here.database_oid)
        )

    def chunks(self, progress: Progress, total: int) -> Iterator[Chunk]:
        """Judge one range after the other; each is given out when its events have been judged."""
        done = 0
        for number in self._numbers():
            first = number * CHUNK
            chunk = Chunk(self._values(number, max(first, _LOWEST), min(first + CHUNK - 1, _HIGHEST)))
            matched = self._judge(chunk)
            done += matched
            progress("events", min(done, total), total)
            yield chunk

    def report_strangers(self) -> None:
        """Turn events of tables that the registry does not know into one finding for each table."""
        for (tenant_id, table_id, version), (events, first) in self._strangers.items():
            more = f" ({events} events)" if events > 1 else ""
            message = f"the registry does not know version {version} of table {table_id}{more}"
            self.findings.add(
                Finding(
                    kind="event-forged", level="events", tenant_id=tenant_id, event_id=first, message=message
                )
            )

    def _numbers(self) -> Iterator[int]:
        """Numbers of the chunks in which there are events, or blocks' ids, in ascending order."""
        blocks = sorted(self.chain.chunks)
        first = self._lowest()
        while True:
            values = {"first": first, "tenants": self.tenants}
            event_id = self.session.rows("next_event", values)[0].event_id
            at = bisect_left(blocks, first // CHUNK)
            following = [event_id // CHUNK] if event_id is not None else []
            following += blocks[at : at + 1]
            if not following:
                return
            yield min(following)
            first = (min(following) + 1) * CHUNK
            if first > _HIGHEST:
                return

    def _lowest(self) -> int:
        """The lowest event id that is looked at: with `since` the lowest in a block from there on."""
        return self.chain.lowest_event_id if self.since else _LOWEST

    def _earliest(self) -> int:
        """With `since`: where the blocks begin that may hold events of those numbers as well."""
        if self._overlap is None:
            (row,) = self.session.rows("overlap", {"first": self._lowest()})
            self._overlap = self.since if row.log_index is None else min(row.log_index, self.since)
        return self._overlap

    def _values(self, number: int, first: int, last: int) -> dict[str, Any]:
        span = self.chain.chunks.get(number)
        first = max(first, self._lowest())
        seals = self.chain.seals
        seen, bounds = seals.snapshot, seals.bounds(first, last)
        return {
            "first": first,
            "last": last,
            "tenants": self.tenants,
            "log_low": self._earliest() if self.since else span.low if span else 0,
            "log_high": span.high if span else self.since - 1,
            "false_columns": self.chain.false_columns,
            "same": self.same_incarnation,
            "last_seal": bool(seen and self.same_incarnation and self.chain.seal_sound),
            "drained": seals.drained,
            "boundary": seals.incarnation.event_id_boundary if seals.incarnation else 0,
            "seal_xmax": min(seen.xmax, _HIGHEST) if seen else 0,
            "seal_running": [xid for xid in seen.running if xid <= _HIGHEST] if seen else [],
            "last_event_id": self.facts.last_event_id,
            "now": self.facts.now,
            "xmax": self.facts.snapshot.xmax,
            "running": list(self.facts.snapshot.running),
            "seal_event_ids": bounds.event_ids,
            "seal_xmaxs": bounds.xmaxs,
            "seal_times": bounds.times,
            "bulk": [
                table_id << 32 | version
                for (table_id, version), known in self.facts.versions.items()
                if known.bulk
            ],
        }

    def _judge(self, chunk: Chunk) -> int:
        """Judge the events of a range; returns how many of them are sealed."""
        values = chunk.values
        total = matched = 0
        for row in self.session.rows("events", values, hash_join=True):
            total += row.events
            matched += row.events if row.sealed else 0
            chunk.personal += row.personal
            self._count(row)
        (counted,) = self.session.rows("counts", values)
        once = (counted.events, counted.numbers) == (total, total)
        if not once or counted.sealed != matched:  # each id once, and all of the blocks' met: none is missing
            self._report_missing(values)
        if not once:
            self._report_twice(values)
        return matched

    def _report_missing(self, values: Mapping[str, Any]) -> None:
        for row in self.session.rows("missing", values, hash_join=True):
            self.suspects.add(
                Suspect(
                    "missing", row.tenant_id, row.event_id, True, row.block_number, row.log_index, row.hash
                )
            )

    def _count(self, row: Any) -> None:
        tally = self.tallies[row.tenant_id]
        if row.sealed:
            tally.checked += row.events
        else:
            tally.unsealed += row.events
        if row.event_id is not None:
            self.suspects.add(
                Suspect(
                    row.kind,
                    row.tenant_id,
                    row.event_id,
                    row.sealed,
                    row.block_number,
                    row.log_index,
                    row.sealed_hash,
                )
            )
            return
        if not row.sealed and row.oldest is not None:
            tally.oldest_unsealed = min(row.oldest, tally.oldest_unsealed or row.oldest)
        table = (row.table_id, row.table_version)
        if None not in table and table not in self.facts.versions:
            known = self._strangers.setdefault((row.tenant_id, *table), [0, row.first_event_id])
            known[0] += row.events

    def _report_twice(self, values: Mapping[str, Any]) -> None:
        for row in self.session.rows("twice", values, hash_join=True):
            where = "the log has the event {} times" if row.kind == "event-duplicate" else "{} blocks hold it"
            self.findings.add(
                Finding(
                    kind=row.kind,
                    level="events" if row.kind == "event-duplicate" else "chain",
                    tenant_id=row.tenant_id,
                    event_id=row.event_id,
                    block_number=row.block_numbers[-1] if row.block_numbers else None,
                    message=where.format(row.copies),
                )
            )
