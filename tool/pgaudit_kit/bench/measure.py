"""Turns of the same change on both copies, one right after the other, and what they took."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from pgaudit_kit.bench.copies import COPIES, Rows, call
from pgaudit_kit.bench.figures import OPERATIONS, Cost, Operation, Sample, cost_of
from pgaudit_kit.bench.scratch import Scratch
from pgaudit_kit.db import Connection
from pgaudit_kit.names import Literal, QualifiedName
from pgaudit_kit.render import Templates

Progress = Callable[[int, int], None]
"""Called with how many rounds are done, and of how many."""

SLICE = 30
"""Rows of a turn: a millisecond or two, so that what else the machine does interrupts few of them."""
WARM_UP = 2
MANY_ROUNDS = 5
"""Rounds of statements over all rows."""

_TURN: tuple[Operation, ...] = ("update", "delete", "insert")
"""In this order the rows are after each turn what they were before."""


class _Bench:
    """The session in which both copies are changed."""

    def __init__(self, conn: Connection, scratch: Scratch, rows: Rows) -> None:
        self._conn, self._scratch, self._rows = conn, scratch, rows
        self._operations = [name for name in _TURN if name != "update" or rows.changed]
        self._wal = self._tells_wal()
        self._turn = 0

    def fill(self) -> None:
        """Put the rows into both copies."""
        for copy in COPIES:
            self._call("many", copy, "insert", 1, self._rows.count)
        for name in ("rows", *COPIES):
            self._conn.execute(f"ANALYZE {self._scratch.table(name).sql}".encode())

    def one_row(self, number: int) -> dict[Operation, Sample]:
        """A turn of one-row transactions over some of the rows; over few of them as often as need be."""
        count = self._rows.count
        size = min(SLICE, count)
        first = number % (count // size) * size + 1
        taken: dict[Operation, list[Sample]] = {name: [] for name in self._operations}
        for _ in range(-(-SLICE // size)):
            for name in self._operations:
                taken[name].append(self._pair("loop", name, first, first + size - 1, size))
        return {name: _mean(samples) for name, samples in taken.items()}

    def many_rows(self) -> dict[Operation, Sample]:
        """A turn of one statement each over all rows."""
        count = self._rows.count
        return {name: self._pair("many", name, 1, count, count) for name in self._operations}

    def _pair(self, file: str, name: Operation, first: int, last: int, changes: int) -> Sample:
        self._turn += 1
        took: dict[str, float] = {}
        wrote: dict[str, float | None] = {}
        for copy in COPIES if self._turn % 2 else COPIES[::-1]:
            us, wal = self._call(file, copy, name, first, last)
            took[copy] = us / changes
            wrote[copy] = None if wal is None else wal / changes
        unaudited, audited = COPIES
        return Sample(
            unaudited_us=took[unaudited],
            audited_us=took[audited],
            unaudited_wal=wrote[unaudited],
            audited_wal=wrote[audited],
        )

    def _call(
        self, file: str, copy: str, name: Operation, first: int, last: int
    ) -> tuple[float, float | None]:
        query = call(self._scratch, file, copy, name, first, last, wal=self._wal)
        row = self._conn.execute(query).fetchone()
        assert row is not None and row[0] is not None, query  # noqa: S101 - each finds the rows it changes
        return row[0], row[1]

    def _tells_wal(self) -> bool:
        try:
            self._conn.execute("SELECT pg_current_wal_insert_lsn()")
        except psycopg.Error:  # services with a storage of their own
            if self._conn.broken:
                raise
            return False
        return True


def measure(
    conn: Connection, scratch: Scratch, rows: Rows, *, rounds: int, progress: Progress
) -> tuple[Cost, ...]:
    """What each change costs: one row a transaction, then all rows in a statement."""
    bench = _Bench(conn, scratch, rows)
    bench.fill()
    one: list[dict[Operation, Sample]] = []
    for number in range(rounds + WARM_UP):
        one.append(bench.one_row(number))
        progress(number + 1, rounds + WARM_UP)
    measured = [(1, one[WARM_UP:])]
    if rows.count > 1:
        many = [bench.many_rows() for _ in range(min(rounds, MANY_ROUNDS) + 1)]
        measured.append((rows.count, many[1:]))
    stored = _stored(conn, scratch)
    return tuple(
        cost_of(name, size, [sample[name] for sample in samples], stored.get(name))
        for size, samples in measured
        for name in OPERATIONS
        if name in samples[0]
    )


def _mean(samples: list[Sample]) -> Sample:
    """Of the repetitions of one turn."""

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    return Sample(
        unaudited_us=sum(sample.unaudited_us for sample in samples) / len(samples),
        audited_us=sum(sample.audited_us for sample in samples) / len(samples),
        unaudited_wal=mean([sample.unaudited_wal for sample in samples]),
        audited_wal=mean([sample.audited_wal for sample in samples]),
    )


def _stored(conn: Connection, scratch: Scratch) -> dict[Operation, float]:
    """Bytes of an event of each operation."""
    templates = Templates(scratch.log)
    log = Literal(QualifiedName(scratch.log, "change_events").sql)
    query = templates.render("queries/bench/stored.sql", {"log": log})
    letters: dict[str, Operation] = {name[0].upper(): name for name in OPERATIONS}
    return {
        letters[letter]: float(size)
        for letter, _events, size in conn.execute(query.encode())
        if letter in letters
    }
