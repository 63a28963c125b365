"""Every object of the kit, from the catalogs: who owns it, who may do what with it, how it is guarded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.conftest import install_kit
from tests.kit import run
from tests.sealing import audited_table, seal_all, write
from tests.servers import Database, PgServer, unique

OWNER, VIEW = "pgaudit_kit_owner", "pgaudit_kit_view"

# every privilege on every object of the schema that anybody but its owner has
GRANTS = """
    SELECT o.kind, o.name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
        a.privilege_type
    FROM (
        SELECT 'relation' AS kind, c.relname::text AS name, c.relowner AS owner,
            coalesce(c.relacl, acldefault('r', c.relowner)) AS acl -- a sequence's has the same grantee
        FROM pg_class AS c
        WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        UNION ALL
        SELECT 'column', c.relname || '.' || t.attname, c.relowner, t.attacl
        FROM pg_attribute AS t INNER JOIN pg_class AS c ON c.oid = t.attrelid
        WHERE c.relnamespace = 'audit'::regnamespace
        UNION ALL
        SELECT 'function', p.proname, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc AS p
        WHERE p.pronamespace = 'audit'::regnamespace
        UNION ALL
        SELECT 'type', t.typname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
        FROM pg_type AS t
        LEFT JOIN pg_class AS c ON c.oid = t.typrelid
        WHERE t.typnamespace = 'audit'::regnamespace AND t.typcategory <> 'A'
            AND (t.typtype <> 'c' OR c.relkind = 'c') -- row types of tables have no privileges that count
        UNION ALL
        SELECT 'schema', n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
        FROM pg_namespace AS n
        WHERE n.nspname = 'audit'
    ) AS o
    CROSS JOIN LATERAL aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner
"""

EXPECTED = {
    ("schema", "audit", "PUBLIC", "USAGE"),
    ("schema", "audit", VIEW, "CREATE"),
    ("function", "set_context", "PUBLIC", "EXECUTE"),
    ("function", "seal", "pgaudit_kit_sealer", "EXECUTE"),
    *(
        ("function", name, "pgaudit_kit_signer", "EXECUTE")
        for name in (
            "log_entries",
            "log_root",
            "log_consistency",
            "log_inclusion",
            "store_log_tiles",
            "newest_checkpoint",
            "prepare_checkpoint",
            "publish_checkpoint",
            "record_signing",
        )
    ),
}
# Whoever owns a partitioned table needs the functions of the triggers that its new partitions get.
PARTITIONERS = """
    SELECT f.name, c.relowner::regrole::text
    FROM audit.audited_tables AS t
    CROSS JOIN LATERAL (VALUES (format('tg_capture_%s', t.table_id)), ('tg_truncate')) AS f (name)
    INNER JOIN pg_class AS c ON c.oid = t.relation
    INNER JOIN pg_roles AS r ON r.oid = c.relowner
    WHERE t.enabled AND c.relkind = 'p' AND NOT r.rolsuper
"""
READABLE = {"events", "stored_events", "personal_data", "chain", "sealed_events", "readable_tenants"}
"""Views that readers and auditors may use."""


Grant = tuple[str, str, str, str]


def grants(db: psycopg.Connection[Any]) -> set[Grant]:
    return set(db.execute(GRANTS).fetchall())


def unexpected(db: psycopg.Connection[Any]) -> set[Grant]:
    """Grants beyond those that the security page names."""
    found = set()
    makers = {("function", name, role, "EXECUTE") for name, role in db.execute(PARTITIONERS)}
    for kind, name, role, privilege in grants(db) - EXPECTED - makers:
        reading = kind == "relation" and role == VIEW and privilege == "SELECT"
        people = role in ("pgaudit_kit_reader", "pgaudit_kit_auditor")
        used = people and ((name in READABLE and privilege == "SELECT") or kind == "function")
        if not (reading or used):
            found.add((kind, name, role, privilege))
    return found


@pytest.fixture
def full(kit_db: Database) -> Database:
    """The kit with audited tables of both kinds, and with blocks."""
    audited_table(kit_db, kit_db.dsn)
    kit_db.execute("CREATE TABLE public.part (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    kit_db.execute("CREATE TABLE public.part_1 PARTITION OF public.part DEFAULT")
    assert run("--dsn", kit_db.dsn, "enable", "public.part", "--personal", "id").code == 0
    write(kit_db, 1)
    kit_db.execute("INSERT INTO public.part VALUES (1)")
    seal_all(kit_db)
    return kit_db


def test_nobody_has_a_privilege_that_the_design_does_not_name(full: Database) -> None:
    assert unexpected(full) == set()
    assert grants(full) >= EXPECTED


@pytest.fixture
def generous(server: PgServer) -> Iterator[Database]:
    """A database whose default privileges grant everything on everything to PUBLIC, then the kit."""
    server.template("kit", install_kit)  # makes the roles
    with server.database() as db:
        somebody = db.role("somebody", "NOLOGIN")
        for role in (OWNER, VIEW, "CURRENT_USER"):
            for grantee in ("PUBLIC", f'"{somebody}"'):
                for what in ("TABLES", "SEQUENCES", "FUNCTIONS", "TYPES", "SCHEMAS"):
                    db.execute(f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT ALL ON {what} TO {grantee}")
        install_kit(db.dsn)
        yield db


def test_default_privileges_grant_nothing_on_the_kit(generous: Database, kit_db: Database) -> None:
    audited_table(generous, generous.dsn)
    generous.execute("SELECT audit.maintain_partitions(now() + interval '30 days')")
    assert unexpected(generous) == set()
    assert grants(kit_db) <= grants(generous)


def test_the_kits_roles_own_everything(full: Database) -> None:
    owners = full.execute(
        "SELECT relkind::text, relname, relowner::regrole::text FROM pg_class"
        " WHERE relnamespace = 'audit'::regnamespace AND relkind NOT IN ('i', 'I', 't')"
        " UNION ALL SELECT 'function', proname, proowner::regrole::text FROM pg_proc"
        " WHERE pronamespace = 'audit'::regnamespace"
        " UNION ALL SELECT 'type', typname, typowner::regrole::text FROM pg_type"
        " WHERE typnamespace = 'audit'::regnamespace AND typrelid = 0 AND typcategory <> 'A'"
        " UNION ALL SELECT 'schema', nspname, nspowner::regrole::text FROM pg_namespace"
        " WHERE nspname = 'audit'"
    ).fetchall()
    assert len(owners) > 50
    assert [row for row in owners if row[2] != (VIEW if row[0] == "v" else OWNER)] == []


def test_the_kits_roles_cannot_log_in_and_have_no_powers(full: Database) -> None:
    rows = full.execute(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'pgaudit\\_kit\\_%%' AND"
        " (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication"
        " OR (rolbypassrls AND rolname <> 'pgaudit_kit_dump'))"
    ).fetchall()
    assert rows == []


def test_definer_functions_pin_their_search_path(full: Database) -> None:
    rows = full.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'audit'::regnamespace"
        " AND (prosecdef OR prorettype IN ('trigger'::regtype, 'event_trigger'::regtype))"
        " AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)"
    ).fetchall()
    assert rows == []


def test_definer_functions_that_others_start_work_whatever_row_security_is(full: Database) -> None:
    # off would make each query of theirs an error, since the tables force row security on their owner
    rows = full.execute(
        "SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'audit'::regnamespace AND p.prosecdef"
        " AND NOT coalesce('row_security=on' = ANY (p.proconfig), false)"
        " AND (p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) OR EXISTS ("
        "   SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee <> p.proowner))"
    ).fetchall()
    assert rows == []


def test_every_table_and_partition_forces_row_security(full: Database) -> None:
    tables = full.execute(
        "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'audit'::regnamespace AND relkind IN ('r', 'p')"
    ).fetchall()
    assert len(tables) > 30
    # what Alembic keeps there is the number of a revision
    assert [name for name, forced in tables if not forced] == ["alembic_version"]


def test_partitions_have_their_parents_policies(full: Database) -> None:
    rows = full.execute(
        "SELECT i.inhrelid::regclass::text FROM pg_inherits AS i"
        " INNER JOIN pg_class AS c ON c.oid = i.inhparent"
        " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind = 'p' AND ("
        "   SELECT array_agg(polname ORDER BY polname) FROM pg_policy WHERE polrelid = i.inhrelid"
        " ) IS DISTINCT FROM ("
        "   SELECT array_agg(polname ORDER BY polname) FROM pg_policy WHERE polrelid = i.inhparent)"
    ).fetchall()
    assert rows == []


def test_no_statistics_are_kept_of_texts_that_only_some_may_read(full: Database) -> None:
    # EXPLAIN counts with them for everybody: with enough questions it spells them out
    full.execute("ANALYZE")
    rows = full.execute(
        "SELECT DISTINCT c.relname, a.attname FROM pg_statistic AS s INNER JOIN pg_class AS c"
        " ON c.oid = s.starelid INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = s.staattnum"
        " INNER JOIN pg_policy AS p ON p.polrelid = c.oid AND p.polname LIKE '%%_select_view'"
        " WHERE c.relnamespace = 'audit'::regnamespace AND a.atttypid IN ('text'::regtype, 'name'::regtype)"
        " AND pg_get_expr(p.polqual, c.oid) <> 'true'"
    ).fetchall()
    assert rows == []


GUARDED = ("change_events", "blocks", "personal_values", "personal_keys")


def guarded_tables(db: psycopg.Connection[Any]) -> list[str]:
    rows = db.execute(
        "SELECT t.relid::regclass::text FROM unnest(%s::text[]) AS g (name)"
        " CROSS JOIN LATERAL pg_partition_tree(('audit.' || g.name)::regclass) AS t",
        [list(GUARDED)],
    )
    return [name for (name,) in rows]


def test_guards_are_always_on(full: Database) -> None:
    for table in guarded_tables(full):
        rows = full.execute(
            "SELECT tgname, tgenabled::text FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND tgfoid = 'audit.tg_append_only'::regproc",
            [table],
        )
        assert dict(rows.fetchall()) == {"append_only_row": "A", "append_only_truncate": "A"}, table


def test_the_log_is_append_only_also_for_its_owner_and_for_superusers(full: Database) -> None:
    for role in (OWNER, "postgres"):
        full.execute(f"SET ROLE {role}")
        for settings in ("SET row_security = on", "SET row_security = off"):
            full.execute(settings)
            for table in guarded_tables(full):
                with pytest.raises((errors.RestrictViolation, errors.InsufficientPrivilege)):
                    full.execute(f"TRUNCATE {table}")
            for table in ("change_events", "blocks", "personal_values"):
                column = "sealed_at" if table == "blocks" else "occurred_at"
                for query in (f"DELETE FROM audit.{table}", f"UPDATE audit.{table} SET {column} = {column}"):
                    with pytest.raises((errors.RestrictViolation, errors.InsufficientPrivilege)):
                        full.execute(query)
        full.execute("RESET ALL")
        full.execute("RESET ROLE")


def test_the_guard_lets_no_other_role_know_or_use_the_permits(full: Database) -> None:
    outsider = unique("outsider")
    full.roles.append(outsider)
    full.execute(f'CREATE ROLE "{outsider}"')
    full.execute(f'SET ROLE "{outsider}"')
    with pytest.raises(errors.InsufficientPrivilege):
        full.execute("INSERT INTO audit.maintenance_permits VALUES (txid_current())")
    full.execute("RESET ROLE")
