"""What a writer may do in a transaction, each with the changes that it must leave in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from tests.soak.ledger import Change, Image, Transaction, deleted, inserted, updated
from tests.soak.world import LOOSE, SHARED, Connection

if TYPE_CHECKING:
    from tests.soak.writers import Writer

ALLOWED = {
    "42P01": "the table had another name by then",
    "42703": "the column had another name by then",
    "42704": "the type had another value by then",
    "22P02": "the type had another value by then",
    "23505": "the snapshot was from before the table was rewritten",
    "23514": "no partition there",
}
"""What DDL of others may do to a writer, kit or not."""

PLAIN = ("doc", "mover", "mood", "scratch", "mass")
TENANTS = ("a", "b", "c")


class Step:
    """The transaction that a statement belongs to."""

    def __init__(
        self, writer: Writer, conn: Connection, transaction: Transaction, names: dict[str, sql.Identifier]
    ) -> None:
        self.writer, self.conn, self.transaction, self.names = writer, conn, transaction, names
        self.choice = writer.choice

    def images(self, query: str, table: str, parameters: Any = None, **names: sql.Composable) -> list[Image]:
        """Rows as JSON. In the query {t} stands for the table, {v} for what its fourth column is called."""
        text = sql.SQL(query).format(t=self.names[table], v=self.fourth(table), **names)
        return [image for (image,) in self.conn.execute(text, parameters)]

    def fourth(self, table: str) -> sql.Identifier:
        """The text column has several names."""
        query = "SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = %s::oid AND a.attnum = 4"
        row = self.conn.execute(query, [self.writer.world.oids[table]]).fetchone()
        assert row is not None
        return sql.Identifier(row[0])

    def add(self, *changes: Change) -> None:
        """Changes that have been made."""
        self.transaction.changes.extend(changes)

    def locked(self, table: str, ids: list[int]) -> dict[int, Image]:
        """The rows of that key before they are changed."""
        query = "SELECT to_jsonb(t) FROM {t} AS t WHERE t.id = ANY (%s) ORDER BY t.id FOR UPDATE"
        return {image["id"]: image for image in self.images(query, table, [ids])}

    def changed(self, table: str, query: str, ids: list[int], parameters: list[Any]) -> None:
        """An UPDATE of some rows that leaves their keys."""
        before = self.locked(table, ids)
        for new in self.images(query, table, parameters):
            self.add(*updated(table, before[new["id"]], new))

    def tenant(self) -> str:
        return self.choice.choice(TENANTS)

    def extra(self, table: str) -> sql.Composable:
        """Sets one of the columns that come and go, too."""
        query = (
            "SELECT a.attname FROM pg_attribute AS a"
            " WHERE a.attrelid = %s::oid AND a.attnum > 0 AND a.attname LIKE 'x%%' AND NOT a.attisdropped"
            " ORDER BY 1"
        )
        found = [name for (name,) in self.conn.execute(query, [self.writer.world.oids[table]])]
        if not found or self.choice.random() < 0.5:
            return sql.SQL("")
        name = sql.Identifier(self.choice.choice(found))
        return sql.SQL(", {} = {}").format(name, sql.SQL(str(self.choice.randrange(1000))))


def insert(step: Step) -> None:
    table = step.choice.choice((*PLAIN, "parent", "part"))
    ids = step.writer.own(step.choice)
    if table == "part":
        _insert_part(step, ids)
        return
    query = (
        "INSERT INTO {t} AS t (id, tenant, n, {v}) SELECT i, %s, 0, 'new' FROM unnest(%s::bigint[]) AS i"
        " ON CONFLICT (id) DO NOTHING RETURNING to_jsonb(t)"
    )
    step.add(*(inserted(table, new) for new in step.images(query, table, [step.tenant(), ids])))


def _insert_part(step: Step, ids: list[int]) -> None:
    query = (
        "INSERT INTO {t} AS t (id, tenant, n, {v}, bucket) SELECT i, %s, 0, 'new', %s"
        " FROM unnest(%s::bigint[]) AS i ON CONFLICT (id, bucket) DO NOTHING RETURNING to_jsonb(t)"
    )
    # one row of a key in all partitions, but for what came back with a partition
    taken = {image["id"] for image in step.images("SELECT to_jsonb(t) FROM {t} AS t", "part")}
    parameters = [step.tenant(), step.choice.randrange(6), [i for i in ids if i not in taken]]
    step.add(*(inserted("part", new) for new in step.images(query, "part", parameters)))


def update_own(step: Step) -> None:
    table = step.choice.choice((*PLAIN, "parent", "child"))
    ids = step.writer.own(step.choice)
    query = "UPDATE {t} AS t SET n = n + 1, {v} = %s{more} WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
    before = step.locked(table, ids)
    value = f"{step.writer.who} {step.transaction.xid}"
    for new in step.images(query, table, [value, ids], more=step.extra(table)):
        step.add(*updated(table, before[new["id"]], new))


def update_shared(step: Step) -> None:
    """Rows that all writers contend for."""
    table = step.choice.choice(("doc", "mover", "mood"))
    ids = sorted(step.choice.sample(range(1, SHARED + 1), 2))
    query = "UPDATE {t} AS t SET n = n + 1 WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
    step.changed(table, query, ids, [ids])


def update_nothing(step: Step) -> None:
    """Writes rows, but changes none: no event."""
    ids = step.writer.own(step.choice)
    step.changed("doc", "UPDATE {t} AS t SET n = n WHERE t.id = ANY (%s) RETURNING to_jsonb(t)", ids, [ids])


def update_personal(step: Step) -> None:
    ids = step.writer.own(step.choice)
    query = "UPDATE {t} AS t SET email = %s, n = n + 1 WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
    step.changed("doc", query, ids, [f"{step.choice.randrange(9)}@example.org", ids])


def update_tenant(step: Step) -> None:
    ids = step.writer.own(step.choice)
    query = "UPDATE {t} AS t SET tenant = %s, n = n + 1 WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
    step.changed("doc", query, ids, [step.tenant(), ids])


def update_enum(step: Step) -> None:
    query = "SELECT enumlabel FROM pg_enum WHERE enumtypid = 'public.feeling'::regtype ORDER BY 1"
    feeling = step.choice.choice([label for (label,) in step.conn.execute(query)])
    ids = step.writer.own(step.choice)
    query = (
        "UPDATE {t} AS t SET feel = %s::public.feeling, n = n + 1 WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
    )
    step.changed("mood", query, ids, [feeling, ids])


def update_key(step: Step) -> None:
    """A parent's new key goes down to its children."""
    old = step.locked("parent", step.writer.own(step.choice)[:1])
    for key, image in old.items():
        children = _children(step, key, lock=True)
        new_key = step.writer.new_id()
        query = "UPDATE {t} AS t SET id = %s, n = n + 1 WHERE t.id = %s RETURNING to_jsonb(t)"
        (new,) = step.images(query, "parent", [new_key, key])
        step.add(*updated("parent", image, new))
        for child, now in _children(step, new_key).items():
            step.add(*updated("child", children[child], now))


def _children(step: Step, parent: int, *, lock: bool = False) -> dict[int, Image]:
    query = "SELECT to_jsonb(t) FROM {t} AS t WHERE t.parent_id = %s ORDER BY t.id"
    found = step.images(query + (" FOR UPDATE" if lock else ""), "child", [parent])
    return {image["id"]: image for image in found}


def add_children(step: Step) -> None:
    parents = step.locked("parent", step.writer.own(step.choice))
    query = (
        "INSERT INTO {t} AS t (id, tenant, n, {v}, parent_id) SELECT i, 'a', 0, 'child', %s"
        " FROM unnest(%s::bigint[]) AS i RETURNING to_jsonb(t)"
    )
    for parent in parents:
        ids = [step.writer.new_id() for _ in range(step.choice.randint(1, 3))]
        step.add(*(inserted("child", new) for new in step.images(query, "child", [parent, ids])))


def delete_cascade(step: Step) -> None:
    for key, image in step.locked("parent", step.writer.own(step.choice)[:2]).items():
        children = _children(step, key, lock=True)
        step.conn.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(step.names["parent"]), [key])
        step.add(deleted("parent", image), *(deleted("child", child) for child in children.values()))


def delete(step: Step) -> None:
    table = step.choice.choice((*PLAIN, "part"))
    query = "DELETE FROM {t} AS t WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
    step.add(*(deleted(table, old) for old in step.images(query, table, [step.writer.own(step.choice)])))


def upsert(step: Step) -> None:
    table = step.choice.choice(PLAIN)
    ids = step.writer.own(step.choice)
    before = step.locked(table, ids)
    query = (
        "INSERT INTO {t} AS t (id, tenant, n, {v})"
        " SELECT i, 'a', 0, 'upserted' FROM unnest(%s::bigint[]) AS i"
        " ON CONFLICT (id) DO UPDATE SET n = t.n + 1, {v} = %s RETURNING to_jsonb(t)"
    )
    for new in step.images(query, table, [ids, f"again {step.transaction.xid}"]):
        old = before.get(new["id"])
        step.add(*(updated(table, old, new) if old else [inserted(table, new)]))


def merge(step: Step) -> None:
    """Some rows deleted, some updated, some inserted, by one statement."""
    if step.writer.world.major < 15:
        return
    table, ids = step.choice.choice(PLAIN), step.writer.own(step.choice)
    before = step.locked(table, ids)
    query = (
        "MERGE INTO {t} AS t USING (SELECT unnest(%s::bigint[]) AS i) AS s ON t.id = s.i"
        " WHEN MATCHED AND t.n %% 3 = 2 THEN DELETE"
        " WHEN MATCHED THEN UPDATE SET n = t.n + 1"
        " WHEN NOT MATCHED THEN INSERT (id, tenant, n, {v}) VALUES (s.i, 'b', 0, 'merged')"
    )
    names = {"t": step.names[table], "v": step.fourth(table)}
    step.conn.execute(sql.SQL(query).format(**names), [ids])
    after = step.locked(table, ids)
    step.add(*(deleted(table, old) for key, old in before.items() if key not in after))
    for key, new in after.items():
        step.add(*(updated(table, before[key], new) if key in before else [inserted(table, new)]))


def copy(step: Step) -> None:
    table = step.choice.choice(PLAIN)
    ids = [step.writer.new_id() for _ in range(step.choice.randint(1, 30))]
    text = sql.SQL("COPY {} (id, tenant, n, {}) FROM STDIN").format(step.names[table], step.fourth(table))
    with step.conn.cursor().copy(text) as stream:
        for key in ids:
            stream.write_row((key, "c", 0, "copied"))
    step.add(*(inserted(table, new) for new in step.locked(table, ids).values()))
    if step.choice.random() < 0.7:  # they must not pile up
        query = "DELETE FROM {t} AS t WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
        step.add(*(deleted(table, old) for old in step.images(query, table, [ids])))


def move_rows(step: Step) -> None:
    """To another partition: DELETE and INSERT."""
    ids = step.writer.own(step.choice)
    query = (
        "SELECT to_jsonb(t) FROM {t} AS t WHERE t.id = ANY (%s) AND t.bucket <> ALL (%s)"
        " ORDER BY t.id FOR UPDATE"
    )
    before = step.images(query, "part", [ids, list(LOOSE)])
    for old in before:
        query = (
            "UPDATE {t} AS t SET n = n + 1, bucket = %s WHERE t.id = %s AND t.bucket = %s"
            " RETURNING to_jsonb(t)"
        )
        parameters = [step.choice.randrange(4), old["id"], old["bucket"]]
        step.add(*(c for new in step.images(query, "part", parameters) for c in updated("part", old, new)))


def as_replica(step: Step) -> None:
    """The triggers are ALWAYS, so that this changes nothing for the log."""
    step.conn.execute("SET LOCAL session_replication_role = replica")
    ids = step.writer.own(step.choice)
    query = "UPDATE {t} AS t SET n = n + 1 WHERE t.id = ANY (%s) RETURNING to_jsonb(t)"
    step.changed(step.choice.choice(PLAIN), query, ids, [ids])
    step.conn.execute("SET LOCAL session_replication_role = origin")


def truncate(step: Step) -> None:
    step.conn.execute(sql.SQL("TRUNCATE {}").format(step.names["scratch"]))
    step.add(Change("scratch", None, "TRUNCATE", "default"))


@dataclass(frozen=True)
class Statement:
    run: Callable[[Step], None]
    weight: int


STATEMENTS = [
    Statement(run, weight)
    for run, weight in (
        (insert, 14), (update_own, 16), (update_shared, 10), (update_nothing, 2), (update_personal, 4),
        (update_tenant, 4), (update_enum, 4), (update_key, 3), (add_children, 6), (delete_cascade, 4),
        (delete, 5), (upsert, 6), (merge, 6), (copy, 3), (move_rows, 6), (as_replica, 3), (truncate, 1),
    )
]  # fmt: skip
