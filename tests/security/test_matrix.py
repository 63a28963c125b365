"""Every role with every object and every verb: what is allowed is what tenancy.md says, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from tests.kit import Kit
from tests.sealing import audited_table, one, seal_all, write
from tests.servers import Database, connect

TABLE_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
VIEWS = {"events", "chain", "sealed_events", "readable_tenants"}
PROOFS = {"log_root", "log_consistency", "log_inclusion"}
READING = PROOFS | {"note_read", "note_reading", "reading_table", "history", "as_of", "page", "event_line",
                    "stored_tenant", "to_inet", "to_text_array", "receipt", "block_inclusion"}  # fmt: skip
SIGNING = PROOFS | {"log_entries", "store_log_tiles", "newest_checkpoint", "prepare_checkpoint",
                    "publish_checkpoint", "record_signing"}  # fmt: skip

PRIVILEGES = """
    SELECT c.relname, v.verb FROM pg_class AS c, unnest(%(verbs)s::text[]) AS v (verb)
    WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND (
            has_table_privilege(%(role)s, c.oid, v.verb)
            OR v.verb IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
            AND has_any_column_privilege(%(role)s, c.oid, v.verb)
        )
    UNION ALL
    SELECT c.relname, v.verb FROM pg_class AS c, unnest('{USAGE,SELECT,UPDATE}'::text[]) AS v (verb)
    WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind = 'S'
        AND has_sequence_privilege(%(role)s, c.oid, v.verb)
    UNION ALL
    SELECT p.proname, 'EXECUTE' FROM pg_proc AS p
    WHERE p.pronamespace = 'audit'::regnamespace AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
    UNION ALL
    SELECT 'audit', v.verb FROM unnest('{CREATE,USAGE}'::text[]) AS v (verb)
    WHERE has_schema_privilege(%(role)s, 'audit', v.verb)
"""


@dataclass
class World:
    """The kit, and a role of each kind."""

    db: Database
    roles: dict[str, str]
    part: int
    """The number of the partitioned table that the table owner owns."""

    def allowed(self, kind: str) -> set[tuple[str, str]]:
        """What the design lets this kind of role do."""
        verbs = {("audit", "USAGE"), ("set_context", "EXECUTE")}
        if kind.startswith("reader") or kind == "auditor":
            verbs |= {(view, "SELECT") for view in VIEWS} | {(name, "EXECUTE") for name in READING}
        if kind == "sealer":
            verbs.add(("seal", "EXECUTE"))
        if kind == "signer":
            verbs |= {(name, "EXECUTE") for name in SIGNING}
        if kind == "table owner":
            verbs |= {(f"tg_capture_{self.part}", "EXECUTE"), ("tg_truncate", "EXECUTE")}
        return verbs


@pytest.fixture
def world(kit_db: Database, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    kit = Kit(kit_db.dsn)
    audited_table(kit_db, kit_db.dsn)
    roles = {
        kind: kit_db.role("m")
        for kind in ("application", "reader of a", "reader of b", "reader of both", "auditor", "sealer",
                     "eraser", "signer", "table owner", "database owner")
    }  # fmt: skip
    for kind in ("auditor", "sealer", "eraser", "signer"):
        kit_db.execute(f"GRANT pgaudit_kit_{kind} TO {roles[kind]}")
    for kind, tenants in (("reader of a", "a"), ("reader of b", "b"), ("reader of both", "ab")):
        for tenant in tenants:
            kit("tenant", "grant", roles[kind], tenant)
    owner = roles["table owner"]
    kit_db.execute(f"ALTER DATABASE {kit_db.name} OWNER TO {roles['database owner']}")
    kit_db.execute("CREATE TABLE public.part (id int PRIMARY KEY, tenant text) PARTITION BY RANGE (id)")
    kit_db.execute("CREATE TABLE public.part_1 PARTITION OF public.part DEFAULT")
    kit_db.execute(f"ALTER TABLE public.part OWNER TO {owner}; ALTER TABLE public.part_1 OWNER TO {owner}")
    kit("enable", "public.part", "--tenant-column", "tenant")
    kit_db.execute(f"GRANT INSERT, SELECT ON public.doc TO {roles['application']}")
    for at, tenant in enumerate("aabc"):
        write(kit_db, at, tenant=tenant)
    kit_db.execute("INSERT INTO public.part VALUES (1, 'a'), (2, 'b')")
    seal_all(kit_db)
    part = one(kit_db, "SELECT table_id FROM audit.audited_tables WHERE relation = 'public.part'::regclass")
    return World(kit_db, roles, part)


def test_each_role_has_the_privileges_of_its_kind_and_no_other(world: World) -> None:
    for kind, role in (world.roles | {"PUBLIC": "public"}).items():
        parameters = {"role": role, "verbs": list(TABLE_VERBS)}
        found = set(world.db.execute(PRIVILEGES, parameters).fetchall())
        assert found == world.allowed(kind), kind


VERBS = {
    "select": "SELECT FROM {}",
    "delete": "DELETE FROM {}",
    "truncate": "TRUNCATE {}",
    "copy": "COPY {} TO STDOUT",
    "lock": "DO $$ BEGIN LOCK TABLE {} IN ROW SHARE MODE; END $$",
}
OWNERS_VERBS = {
    "drop": "DROP TABLE {}",
    "row security": "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
    "policy": "CREATE POLICY p ON {} USING (true)",
    "trigger": "CREATE TRIGGER t BEFORE INSERT ON {} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "inherit": "CREATE TEMPORARY TABLE x () INHERITS ({})",
    "index": "CREATE INDEX ON {} ((1))",
}


def test_no_role_does_anything_with_any_table_or_leaf(world: World) -> None:
    tables = [
        name
        for (name,) in world.db.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'audit'::regnamespace"
            " AND c.relkind IN ('r', 'p') ORDER BY 1"
        )
    ]
    assert len(tables) > 30
    for kind, role in world.roles.items():
        structural = kind in ("reader of both", "table owner", "database owner")
        verbs = VERBS | (OWNERS_VERBS if structural else {})
        with connect(world.db, role) as conn:
            for table in tables:
                for verb, statement in verbs.items():
                    with pytest.raises(psycopg.Error) as refused:
                        conn.execute(statement.format(table))
                    assert refused.value.sqlstate == "42501" or (
                        # to inherit from a partition or a partitioned table is wrong before it is forbidden
                        verb == "inherit" and refused.value.sqlstate == "42809"
                    ), (kind, table, verb)


def test_the_views_show_each_role_its_tenants(world: World) -> None:
    a, b = {"a": 3}, {"b": 2}
    expected: dict[str, dict[str, int] | None] = {
        "reader of a": a, "reader of b": b, "reader of both": a | b,
        "application": None, "sealer": None, "eraser": None, "signer": None, "table owner": None,
        "database owner": None,
    }  # fmt: skip
    for kind, seen in expected.items():
        with connect(world.db, world.roles[kind]) as conn:
            for view in ("events", "chain"):
                query = sql.SQL("SELECT tenant_id, count(*) FROM audit.{} GROUP BY 1").format(
                    sql.Identifier(view)
                )
                if seen is None:
                    with pytest.raises(errors.InsufficientPrivilege):
                        conn.execute(query)
                else:
                    assert dict(conn.execute(query).fetchall()) == seen, (kind, view)
    with connect(world.db, world.roles["auditor"]) as conn:
        rows = conn.execute("SELECT DISTINCT tenant_id FROM audit.events").fetchall()
        assert {tenant for (tenant,) in rows} == {"a", "b", "c", "_system"}


def test_the_views_are_for_reading(world: World) -> None:
    for kind in ("reader of both", "auditor"):
        with connect(world.db, world.roles[kind]) as conn:
            for view in VIEWS:
                for statement in (
                    f"DELETE FROM audit.{view}",
                    f"TRUNCATE audit.{view}",
                    f"DROP VIEW audit.{view}",
                    f"ALTER VIEW audit.{view} SET (security_invoker = true)",
                    f"CREATE OR REPLACE VIEW audit.{view} AS SELECT 1",
                ):
                    with pytest.raises((errors.InsufficientPrivilege, errors.WrongObjectType,
                                        errors.ObjectNotInPrerequisiteState)):  # fmt: skip
                        conn.execute(statement)
