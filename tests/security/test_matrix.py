"""Every role with every object and every verb, each tried: allowed is what tenancy.md says, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import errors, sql

from tests.conftest import install_kit
from tests.kit import Kit
from tests.partman.setups import partman_template
from tests.sealing import audited_table, one, seal_all, write
from tests.servers import Database, PgServer, connect

EVERYBODY = {"schema audit": "USAGE", "function set_context": "EXECUTE"}
PROOFS = dict.fromkeys(("function log_root", "function log_consistency", "function log_inclusion"), "EXECUTE")
READING = PROOFS | {
    "view events": "SELECT",
    "view stored_events": "SELECT",
    "view personal_data": "SELECT",
    "view chain": "SELECT",
    "view sealed_events": "SELECT",
    "view readable_tenants": "SELECT",
    "function history": "EXECUTE",
    "function as_of": "EXECUTE",
    "function page": "EXECUTE",
    "function receipt": "EXECUTE",
    # what those call as the reader
    "function note_read": "EXECUTE",
    "function note_reading": "EXECUTE",
    "function reading_table": "EXECUTE",
    "function event_line": "EXECUTE",
    "function stored_tenant": "EXECUTE",
    "function to_inet": "EXECUTE",
    "function to_text_array": "EXECUTE",
    "function block_inclusion": "EXECUTE",
}
SIGNING = PROOFS | {
    "function log_entries": "EXECUTE",
    "function store_log_tiles": "EXECUTE",
    "function newest_checkpoint": "EXECUTE",
    "function prepare_checkpoint": "EXECUTE",
    "function publish_checkpoint": "EXECUTE",
    "function record_signing": "EXECUTE",
}
MAY: dict[str, dict[str, str]] = {
    "PUBLIC": EVERYBODY,  # a role that nobody granted anything
    "application": EVERYBODY,  # writes an audited table
    "reader of a": EVERYBODY | READING,
    "reader of b": EVERYBODY | READING,
    "reader of both": EVERYBODY | READING,
    "auditor": EVERYBODY | READING,
    "sealer": EVERYBODY | {"function seal": "EXECUTE"},
    "eraser": EVERYBODY,  # no erasing function yet
    "signer": EVERYBODY | SIGNING,
    "table owner": EVERYBODY | {"function tg_capture_{part}": "EXECUTE", "function tg_truncate": "EXECUTE"},
    "database owner": EVERYBODY,
}
"""All that each kind of role can do with the kit's objects; everything else is refused."""


def _grant(privilege: str, kind: str, asked: str) -> str:
    # where there is nothing that could be granted, GRANT is a mere warning
    return (
        f"DO $do$ BEGIN GRANT {privilege} ON {kind} {{o}} TO {{w}} WITH GRANT OPTION;"
        f" IF NOT has_{asked}_privilege('{{w}}', '{{o}}', '{privilege} WITH GRANT OPTION') THEN"
        " RAISE insufficient_privilege; END IF; END $do$"
    )


# {o} the object, {c} a column, {k} and {t} the key without and with types, {p} the parent; {w} a role
TABLE = {
    "SELECT": "SELECT FROM {o}",
    "SELECT one column": "SELECT {c} FROM {o}",
    "INSERT": "INSERT INTO {o} DEFAULT VALUES",
    "UPDATE": "UPDATE {o} SET {c} = {c}",
    "DELETE": "DELETE FROM {o}",
    "TRUNCATE": "TRUNCATE {o}",
    "TRIGGER": "CREATE TRIGGER t BEFORE INSERT ON {o} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "LOCK": "LOCK TABLE {o} IN ACCESS SHARE MODE",
    "ALTER": "ALTER TABLE {o} ADD COLUMN added int",
    "OWNER": "ALTER TABLE {o} OWNER TO CURRENT_USER",
    "ROW SECURITY": "ALTER TABLE {o} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
    "GRANT": _grant("SELECT", "TABLE", "table"),
    "DROP": "DROP TABLE {o}",
    "RULE": "CREATE RULE r AS ON INSERT TO {o} DO INSTEAD NOTHING",
    "POLICY": "CREATE POLICY p ON {o} USING (true)",
    "INDEX": "CREATE INDEX ON {o} ({c})",
    "STATISTICS": "CREATE STATISTICS s ON {c}, {c} FROM {o}",
    "COMMENT": "COMMENT ON TABLE {o} IS 'mine'",
}
KEYED = {"REFERENCES": "CREATE TABLE public.x ({t}, FOREIGN KEY ({k}) REFERENCES {o} ({k}))"}
PLAIN = {"INHERIT": "CREATE TABLE public.x () INHERITS ({o})"}
PARENT = {
    "ATTACH": "ALTER TABLE {o} ATTACH PARTITION public.mine FOR VALUES FROM ('1999-01-01') TO ('1999-01-02')",
    "PARTITION OF": "CREATE TABLE public.x PARTITION OF {o} FOR VALUES FROM ('1999-01-01') TO ('1999-01-02')",
}
LEAF = {"DETACH": "ALTER TABLE {p} DETACH PARTITION {o}"}
VIEW = {
    "SELECT": "SELECT FROM {o}",
    "UPDATE": "UPDATE {o} SET {c} = {c}",
    "DELETE": "DELETE FROM {o}",
    "INSERT": "INSERT INTO {o} DEFAULT VALUES",
    "REPLACE": "CREATE OR REPLACE VIEW {o} AS SELECT 1 AS one",
    "ALTER": "ALTER VIEW {o} SET (security_barrier = true)",
    "OWNER": "ALTER VIEW {o} OWNER TO CURRENT_USER",
    "GRANT": _grant("SELECT", "TABLE", "table"),
    "DROP": "DROP VIEW {o}",
    "RULE": "CREATE RULE r AS ON INSERT TO {o} DO INSTEAD NOTHING",
    "TRIGGER": "CREATE TRIGGER t INSTEAD OF INSERT ON {o} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
}
SEQUENCE = {
    "USAGE": "SELECT nextval('{o}')",
    "SELECT": "SELECT last_value FROM {o}",
    "UPDATE": "SELECT setval('{o}', 1)",
    "ALTER": "ALTER SEQUENCE {o} RESTART",
    "DROP": "DROP SEQUENCE {o}",
}
FUNCTION = {
    "EXECUTE": "SELECT {call}",
    "ALTER": "ALTER FUNCTION {o} COST 7",
    "OWNER": "ALTER FUNCTION {o} OWNER TO CURRENT_USER",
    "GRANT": _grant("EXECUTE", "FUNCTION", "function"),
    "DROP": "DROP FUNCTION {o}",
}
SCHEMA = {
    "USAGE": "SELECT 'audit.event_v1'::regtype",
    "CREATE": "CREATE TABLE audit.x ()",
    "CREATE FUNCTION": "CREATE FUNCTION audit.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DEFAULTS": "ALTER DEFAULT PRIVILEGES FOR ROLE pgaudit_kit_owner GRANT SELECT ON TABLES TO PUBLIC",
    "GRANT": _grant("CREATE", "SCHEMA", "schema"),
    "ALTER": "ALTER SCHEMA {o} RENAME TO mine",
    "DROP": "DROP SCHEMA {o} CASCADE",
}
ATTEMPT = """
CREATE FUNCTION public.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION USING ERRCODE = 'KT000'; -- it was allowed, and is taken back
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'KT000' THEN '' ELSE SQLSTATE || ' ' || SQLERRM END;
END $$;
CREATE TABLE public.mine (LIKE audit.change_events);
"""
OBJECTS = """
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
    c.relname AS name, c.relkind::text AS relkind, c.oid::regclass::text AS o,
    (SELECT quote_ident(a.attname) FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attidentity = '' ORDER BY a.attnum LIMIT 1) AS c,
    (SELECT i.inhparent::regclass::text FROM pg_inherits AS i WHERE i.inhrelid = c.oid) AS p,
    k.names AS k, k.typed AS t, NULL AS call
FROM pg_class AS c
CROSS JOIN LATERAL (
    SELECT string_agg(quote_ident(b.attname), ', ' ORDER BY n.i) AS names,
        string_agg(quote_ident(b.attname) || ' ' || format_type(b.atttypid, NULL), ', ' ORDER BY n.i) AS typed
    FROM pg_index AS x, unnest(x.indkey) WITH ORDINALITY AS n (attnum, i), pg_attribute AS b
    WHERE x.indrelid = c.oid AND x.indisprimary AND b.attrelid = c.oid AND b.attnum = n.attnum
) AS k
WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT 'function', p.proname, NULL, p.oid::regprocedure::text, NULL, NULL, NULL, NULL, format(
    '%s(%s)', p.oid::regproc,
    (SELECT string_agg(format('(SELECT NULL::%s)', format_type(t.oid, NULL)), ', ' ORDER BY t.i)
        FROM unnest(p.proargtypes) WITH ORDINALITY AS t (oid, i))
)
FROM pg_proc AS p WHERE p.pronamespace = 'audit'::regnamespace
UNION ALL
SELECT 'schema', 'audit', NULL, 'audit', NULL, NULL, NULL, NULL, NULL
"""


@dataclass
class World:
    """The kit, and a role of each kind."""

    db: Database
    roles: dict[str, str]
    part: int
    """The number of the partitioned table that the table owner owns."""

    def attempts(self) -> list[tuple[str, str, str]]:
        """Object, verb, statement."""
        found = []
        cursor = self.db.execute(OBJECTS)
        columns = [column.name for column in cursor.description or ()]
        for row in cursor:
            it = dict(zip(columns, row, strict=True)) | {"w": self.roles["PUBLIC"]}
            verbs = {"view": VIEW, "sequence": SEQUENCE, "function": FUNCTION, "schema": SCHEMA}.get(
                it["kind"],
                TABLE | (KEYED if it["k"] else {}) | (LEAF if it["p"] else {})
                | (PARENT if it["relkind"] == "p" else {} if it["p"] else PLAIN),
            )  # fmt: skip
            found += [(f"{it['kind']} {it['name']}", verb, text.format(**it)) for verb, text in verbs.items()]
        return found

    def may(self, kind: str) -> set[tuple[str, str]]:
        return {(what.format(part=self.part), verb) for what, verb in MAY[kind].items()}


@pytest.fixture(params=["native", "partman"])
def world(
    request: pytest.FixtureRequest, server: PgServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Who makes the partitions does not matter: pg_partman's are guarded as the kit's own are."""
    monkeypatch.chdir(tmp_path)
    by_partman = request.param == "partman"
    template = partman_template(server) if by_partman else server.template("kit", install_kit)
    with server.database(template) as db:
        yield furnished(db)


def furnished(db: Database) -> World:
    kit = Kit(db.dsn)
    audited_table(db, db.dsn)
    roles = {kind: db.role("m") for kind in MAY}
    for kind in ("auditor", "sealer", "eraser", "signer"):
        db.execute(f"GRANT pgaudit_kit_{kind} TO {roles[kind]}")
    for kind, tenants in (("reader of a", "a"), ("reader of b", "b"), ("reader of both", "ab")):
        for tenant in tenants:
            kit("tenant", "grant", roles[kind], tenant)
    owner = roles["table owner"]
    db.execute(f"ALTER DATABASE {db.name} OWNER TO {roles['database owner']}")
    db.execute("CREATE TABLE public.part (id int PRIMARY KEY, tenant text) PARTITION BY RANGE (id)")
    db.execute("CREATE TABLE public.part_1 PARTITION OF public.part DEFAULT")
    db.execute(f"ALTER TABLE public.part OWNER TO {owner}; ALTER TABLE public.part_1 OWNER TO {owner}")
    kit("enable", "public.part", "--tenant-column", "tenant")
    db.execute(f"GRANT INSERT, SELECT ON public.doc TO {roles['application']}")
    for at, tenant in enumerate("aabc"):
        write(db, at, tenant=tenant)
    db.execute("INSERT INTO public.part VALUES (1, 'a'), (2, 'b')")
    seal_all(db)
    part = one(db, "SELECT table_id FROM audit.audited_tables WHERE relation = 'public.part'::regclass")
    return World(db, roles, part)


def answers(world: World, role: str, statements: list[str]) -> list[str]:
    """What the server says to the role: nothing where it did as it was told."""
    with connect(world.db) as conn, conn.transaction(force_rollback=True):
        conn.execute(f"ALTER TABLE public.mine OWNER TO {role}; SET SESSION AUTHORIZATION {role}")
        said = conn.execute(
            "SELECT public.attempt(s.text) FROM unnest(%s::text[]) WITH ORDINALITY AS s (text, i)"
            " ORDER BY s.i",
            [statements],
        )
        return [answer for (answer,) in said]


def test_each_role_can_do_what_its_kind_may_and_nothing_else(world: World) -> None:
    attempts = world.attempts()
    assert sum(what.startswith("table ") and verb == "DETACH" for what, verb, _ in attempts) > 30
    world.db.execute(ATTEMPT)
    world.db.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")  # what fails shall fail at the kit
    statements = [statement for _, _, statement in attempts]
    # what nobody can do, such as insert into such a view, is wrong before it is forbidden
    nobody = [answer[:5] for answer in answers(world, "postgres", statements)]
    assert nobody.count("") > 0.8 * len(nobody)
    for kind, role in world.roles.items():
        done, odd = set(), []
        for (what, verb, statement), answer, never in zip(
            attempts, answers(world, role, statements), nobody, strict=True
        ):
            if verb == "EXECUTE":  # it was let in, whatever it said to NULLs
                refused = answer.startswith("42501 permission denied for function " + what.split()[1])
            else:
                refused = bool(answer)
                if refused and answer[:5] not in ("42501", never):
                    odd.append((statement, answer))
            if not refused:
                done.add((what, verb))
        assert odd == [], kind
        assert done == world.may(kind), kind


def test_the_views_show_each_role_its_tenants(world: World) -> None:
    a, b = {"a": 3}, {"b": 2}
    expected: dict[str, dict[str, int] | None] = {
        "reader of a": a, "reader of b": b, "reader of both": a | b,
        "PUBLIC": None, "application": None, "sealer": None, "eraser": None, "signer": None,
        "table owner": None, "database owner": None,
    }  # fmt: skip
    for kind, seen in expected.items():
        with connect(world.db, world.roles[kind]) as conn:
            for view in ("events", "stored_events", "chain"):
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
