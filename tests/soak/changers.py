"""Those who change definitions beside the writers: columns, names, partitions, types, triggers."""

from __future__ import annotations

from tests.soak.sessions import Session
from tests.soak.world import LOOSE, Connection, World

TYPES = ("int", "bigint", "numeric", "text", "varchar(40)")
LABELS = 8
COLUMNS = (
    "SELECT a.attname FROM pg_attribute AS a"
    " WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)


class Changer:
    """Changes definitions at random; each kind of change belongs to one thread."""

    def __init__(self, world: World, who: str, number: int) -> None:
        self.world, self.who = world, who
        self.choice = world.choices(who)
        self.session = Session(world, who, "SET lock_timeout = '1s'")
        self.number = number
        self.works = (self._columns,) if number == 0 else (self._partitions, self._names, self._kinds)

    def run(self) -> None:
        """One change after the other until the run ends."""
        while not self.world.stop.is_set():
            work = self.choice.choice(self.works)
            if self.session(work, {"42804": "the parent's columns changed"}):
                self.world.count(work.__name__.strip("_"))
            self.world.stop.wait(self.choice.uniform(0, max(self.world.pace * 2, 0.2)))
        self.session.close()

    def _do(self, conn: Connection, *statements: str) -> None:
        """In one transaction, now and then in vain."""
        kept = self.choice.random() < 0.85
        text = "; ".join(statements)
        self.world.note(self.who, text if kept else f"{text} (rolled back)")
        if len(statements) == 1 and kept:
            conn.execute(statements[0].encode())
            return
        conn.execute("BEGIN")
        for statement in statements:
            conn.execute(statement.encode())
        conn.execute("COMMIT" if kept else "ROLLBACK")

    def _name(self, conn: Connection, table: str) -> str:
        query = (
            "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = %s::oid"
        )
        row = conn.execute(query, [self.world.oids[table]]).fetchone()
        assert row is not None
        name: str = row[0]
        return name

    def _columns(self, conn: Connection) -> None:
        table = self.choice.choice(("doc", "part", "parent", "child", "mood", "scratch", "mass"))
        columns = [name for (name,) in conn.execute(COLUMNS, [self.world.oids[table]])]
        extra = [name for name in columns if name.startswith("x")]
        alter = f"ALTER TABLE public.{table}"
        dice = self.choice.random()
        if (dice < 0.3 and len(extra) < 5) or not extra:
            default = self.choice.choice(("", " DEFAULT 7", " DEFAULT (random() * 9)::int"))
            self._do(conn, f"{alter} ADD COLUMN {self._new()} {self.choice.choice(TYPES)}{default}")
        elif dice < 0.5:
            self._do(conn, f"{alter} DROP COLUMN {self.choice.choice(extra)}")
        elif dice < 0.65:
            self._do(conn, f"{alter} RENAME {self.choice.choice(extra)} TO {self._new()}")
        elif dice < 0.75:
            kind, column = self.choice.choice(TYPES), self.choice.choice(extra)
            self._do(
                conn,
                f"{alter} ALTER {column} DROP DEFAULT",
                f"{alter} ALTER {column} TYPE {kind} USING {column}::text::{kind}",
            )
        elif dice < 0.82:
            self._do(conn, f"{alter} ALTER n TYPE {self.choice.choice(('int', 'bigint'))}")
        elif dice < 0.92:
            self._do(conn, f"{alter} RENAME {columns[3]} TO {'w' if columns[3] == 'v' else 'v'}")
        else:
            name = self._new()
            self._do(
                conn, f"{alter} ADD COLUMN {name} int", f"{alter} DROP COLUMN {self.choice.choice(extra)}",
                f"{alter} RENAME {name} TO {self._new()}",
            )  # fmt: skip

    def _new(self) -> str:
        return f"x{self.choice.randrange(10**9)}"

    def _names(self, conn: Connection) -> None:
        schema, _, name = self._name(conn, "mover").partition(".")
        if self.choice.random() < 0.5:
            other = "other" if schema == "public" else "public"
            self._do(conn, f"ALTER TABLE {schema}.{name} SET SCHEMA {other}")
        else:
            self._do(conn, f"ALTER TABLE {schema}.{name} RENAME TO {'moved' if name == 'mover' else 'mover'}")

    def _kinds(self, conn: Connection) -> None:
        """An enum's values, and DISABLE and ENABLE TRIGGER ALL, which would leave triggers ORIGIN."""
        if self.choice.random() < 0.5:
            table = self._name(conn, self.choice.choice(("doc", "mood", "parent", "mover", "part")))
            self._do(
                conn, f"ALTER TABLE {table} DISABLE TRIGGER ALL", f"ALTER TABLE {table} ENABLE TRIGGER ALL"
            )
            return
        query = "SELECT enumlabel FROM pg_enum WHERE enumtypid = 'public.feeling'::regtype ORDER BY 1"
        labels = [label for (label,) in conn.execute(query)]
        if len(labels) < LABELS:
            self._do(conn, f"ALTER TYPE public.feeling ADD VALUE 'm{len(labels)}'")
            return
        label = self.choice.choice(labels)
        new = label.removesuffix("_") if label.endswith("_") else f"{label}_"
        self._do(conn, f"ALTER TYPE public.feeling RENAME VALUE '{label}' TO '{new}'")

    def _partitions(self, conn: Connection) -> None:
        bucket = self.choice.choice(LOOSE)
        name = f"public.part_{bucket}"
        row = conn.execute(
            "SELECT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = to_regclass(%s)),"
            " to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL",
            [name, name, name],
        ).fetchone()
        assert row is not None
        attached, there, _ = row
        bounds, dice = f"FOR VALUES IN ({bucket})", self.choice.random()
        if not there:
            if dice < 0.5:
                self._do(conn, f"CREATE TABLE {name} PARTITION OF public.part {bounds}")
            else:
                self._do(
                    conn, f"CREATE TABLE {name} (LIKE public.part INCLUDING ALL)",
                    f"ALTER TABLE public.part ATTACH PARTITION {name} {bounds}",
                )  # fmt: skip
        elif attached:
            if dice < 0.25:
                self._do(conn, f"DROP TABLE {name}")
            elif dice < 0.4:
                self._do(conn, f"TRUNCATE {name}")
            else:
                self._do(conn, f"ALTER TABLE public.part DETACH PARTITION {name}")
        elif dice < 0.15:
            self._do(conn, f"DROP TABLE {name}")
        elif dice < 0.45:
            self._do(conn, f"UPDATE {name} SET n = n + 1")  # nobody's table: not audited
        else:
            self._attach(conn, name, bounds)

    def _attach(self, conn: Connection, name: str, bounds: str) -> None:
        """The parent's columns may have changed since it was detached: then it is another table."""
        query = (
            "SELECT a.attname, a.atttypid, a.atttypmod FROM pg_attribute AS a"
            " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1"
        )
        same = conn.execute(query, ["public.part"]).fetchall() == conn.execute(query, [name]).fetchall()
        attach = f"ALTER TABLE public.part ATTACH PARTITION {name} {bounds}"
        self._do(conn, attach if same else f"DROP TABLE {name}")
