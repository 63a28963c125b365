"""What must hold when everybody has gone: the log is the ledger, and everything about it is in order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from psycopg.errors import LockNotAvailable

from tests.sealing import assert_sound, one, seal_all, sealed_once
from tests.soak.answers import all_told
from tests.soak.ledger import Image, Recorded, Transaction, settled
from tests.soak.world import LOOSE, SHARED, Connection, World

Rows = dict[tuple[str, str | None], list[Recorded]]

EVENTS = """
    SELECT e.transaction_id, t.name, e.record_key, e.operation, e.tenant_id, e.old_values, e.new_values,
        e.actor_id, e.action
    FROM audit.events AS e
    INNER JOIN audit.audited_tables AS a ON a.table_id = e.table_id
    INNER JOIN (SELECT unnest(%s::oid[]) AS oid, unnest(%s::text[]) AS name) AS t ON t.oid = a.relation
    WHERE e.operation <> 'CONTROL' AND e.record_key IS DISTINCT FROM '-1'
    ORDER BY e.event_id
"""
LEAVES = """
    SELECT c.relname FROM pg_inherits AS i
    INNER JOIN pg_class AS c ON c.oid = i.inhrelid
    INNER JOIN pg_class AS p ON p.oid = i.inhparent
    WHERE p.relnamespace = 'audit'::regnamespace AND p.relkind = 'p' AND NOT (
        c.relrowsecurity AND c.relforcerowsecurity
        AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)
        AND c.relowner = p.relowner
        AND (SELECT count(*) FROM pg_policy AS l WHERE l.polrelid = c.oid)
            = (SELECT count(*) FROM pg_policy AS l WHERE l.polrelid = p.oid)
        AND (SELECT array_agg(g.tgname ORDER BY g.tgname) FROM pg_trigger AS g
            WHERE g.tgrelid = c.oid AND g.tgenabled = 'A' AND (NOT g.tgisinternal OR g.tgparentid <> 0))
            @> '{append_only_row,append_only_truncate}'
    )
"""


def judge(world: World) -> list[str]:
    """Everything that is not as it must be."""
    with world.connect("oracle") as conn:
        resolve(world, conn)
        findings = list(compare(world, conn))
        _maintain(conn)
        seal_all(conn)
        findings += [f"partition {name} lacks its guards" for (name,) in conn.execute(LEAVES)]
        assert_sound(conn)
        if not sealed_once(conn):
            findings.append("not every event is in exactly one block")
        findings += _commands(world)
    return findings


def resolve(world: World, conn: Connection) -> None:
    """How each transaction ended, as its mark tells. What the writer was told must agree."""
    ledger = world.ledger.transactions
    marks = {mark for (mark,) in conn.execute("SELECT mark FROM public.marks")}
    open_ones = "SELECT x FROM unnest(%s::bigint[]) AS x WHERE txid_status(x) = 'in progress'"
    assert conn.execute(open_ones, [list(ledger)]).fetchall() == []
    for xid, transaction in ledger.items():
        status = "committed" if transaction.mark in marks else "aborted"
        told = transaction.outcome
        assert told in (None, status), f"transaction {xid} was told to be {told} and is {status}"
        transaction.outcome = status


def compare(world: World, conn: Connection) -> Iterator[str]:
    """Each committed change has its event, nothing else has, and each row's history holds together."""
    found: dict[int, Rows] = defaultdict(lambda: defaultdict(list))
    history = History()
    number = 0
    with conn.transaction(), conn.cursor("events") as cursor:
        cursor.itersize = 5000
        cursor.execute(EVENTS, [list(world.oids.values()), list(world.oids)])
        for xid, table, key, operation, tenant, old, new, actor, action in cursor:
            number += 1
            if operation == "BASELINE":
                if table != "part" or new["bucket"] not in LOOSE:
                    yield f"baseline event of {table} {key}"
                continue
            if (actor, action) != _context(world, xid):
                yield f"{xid}: {operation} of {table} {key} has the context {actor}, {action}"
            found[xid][table, key].append((operation, tenant, _settled(table, old), _settled(table, new)))
            yield from history.follow(table, key, operation, old, new)
    world.count("events", number)
    for xid, transaction in world.ledger.transactions.items():
        expected = transaction.by_key() if transaction.outcome == "committed" else {}
        yield from _compare(transaction, expected, found.pop(xid, {}))
    for xid, rows in found.items():
        for (table, key), recorded in rows.items():
            if table != "part" or key is not None:  # whoever changes partitions truncates some
                yield f"{xid}: nobody's transaction has events of {table} {key}: {recorded}"


def _context(world: World, xid: int) -> tuple[str | None, str | None]:
    transaction = world.ledger.transactions.get(xid)
    return (transaction.writer, f"x{xid}") if transaction else (None, None)


def _compare(transaction: Transaction, expected: Any, found: Rows) -> Iterator[str]:
    for row in expected.keys() | found.keys():
        table, key = row
        wanted = [(o, t, _settled(table, a), _settled(table, b)) for o, t, a, b in expected.get(row, [])]
        if wanted != found.get(row, []):
            yield (
                f"{transaction.xid} ({transaction.outcome}, {transaction.writer}): {table} {key}\n"
                f"    must have {wanted}\n    and has   {found.get(row, [])}"
            )


def _settled(table: str, image: Image | None) -> Image | None:
    return settled(table, image) if image is not None else None


class History:
    """Each row's changes in the order of the log: each follows the one before."""

    def __init__(self) -> None:
        shared = range(1, SHARED + 1)
        self.n = {(table, str(key)): 0 for table in ("doc", "mover", "mood") for key in shared}

    def follow(
        self, table: str, key: str, operation: str, old: Image | None, new: Image | None
    ) -> Iterator[str]:
        """One event more."""
        if table in ("scratch", "child") or operation == "TRUNCATE":
            return
        if table == "part" and json.loads(key)[1] in map(str, LOOSE):
            return
        row, known = (table, key), self.n.get((table, key))
        if operation == "INSERT" and known is not None:
            yield f"{table} {key} was inserted while it was there"
        if operation != "INSERT" and old is not None and old.get("n", known) != known:
            yield f"{table} {key}: {operation} of n = {old['n']}, the log had left it at {known}"
        if operation == "DELETE":
            self.n.pop(row, None)
            return
        after = dict(new or {})
        if "n" in after:
            self.n[row] = after["n"]
        if (
            operation == "UPDATE"
            and old is not None
            and "id" in after
            and "id" in old
            and old["id"] != after["id"]
        ):
            self.n[table, str(after["id"])] = self.n.pop(row)


def _maintain(conn: Connection) -> None:
    """Partitions for what comes, and nothing in the default ones but the last minute."""
    for query in ("SELECT audit.maintain_partitions()", "SELECT audit.move_default_rows()"):
        while _patiently(conn, query):
            pass


def _patiently(conn: Connection, query: str) -> int:
    """What it returns; autovacuum may have the lock that it waits for no longer than a writer may wait."""
    for left in reversed(range(50)):
        try:
            return int(one(conn, query))
        except LockNotAvailable:
            if not left:
                raise
    raise AssertionError


def _commands(world: World) -> Iterator[str]:
    """What the kit itself says at the end."""
    for command in (("verify", "--all"), ("apply", "--yes"), ("plan", "--exit-code"), ("doctor",)):
        answer = world.kit(*command)
        said = answer.stdout + answer.stderr
        # new partitions begin in ten seconds, so that no writer is on its way to the default one
        fails = [line.split()[1] for line in answer.stdout.splitlines() if line.startswith("FAIL")]
        ok = answer.returncode == 0 or (command == ("doctor",) and set(fails) == {"partitions"})
        ok = ok or (
            command == ("verify", "--all") and answer.returncode == 4 and all_told(answer.stdout, quiet=True)
        )
        if not ok or "Traceback" in answer.stderr:
            yield f"{' '.join(command)} ended with {answer.returncode}:\n{said[-8000:]}"
