"""Partitions that come, go and are truncated: what the log says, and what it cannot be made to say."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel, errors

from tests.capture.helpers import MODES, Audited, controls, enable, events, one
from tests.kit import Kit, run
from tests.servers import Database, connect

TABLE = """
    CREATE TABLE public.t (id int, region text, a text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE public.eu PARTITION OF public.t FOR VALUES IN ('eu');
    CREATE TABLE public.rest PARTITION OF public.t DEFAULT PARTITION BY RANGE (id);
    CREATE TABLE public.low PARTITION OF public.rest FOR VALUES FROM (MINVALUE) TO (100)
"""
LIKE = "CREATE TABLE {0} (a text, region text NOT NULL, id int NOT NULL)"
"""As public.t, its columns in another order."""
Connection = psycopg.Connection[Any]


@pytest.fixture
def t(kit_db: Database) -> Database:
    """A database in which public.t, with a partition and one of two levels, is audited."""
    kit_db.execute(TABLE.encode())
    owning, member = kit_db.role("owning", "NOLOGIN"), kit_db.role("member", "LOGIN INHERIT")
    kit_db.execute(f'GRANT "{owning}" TO "{member}"; GRANT CREATE ON SCHEMA public TO "{owning}"')
    for name in ("t", "eu", "rest", "low"):
        kit_db.execute(f'ALTER TABLE public.{name} OWNER TO "{owning}"')
    enable(kit_db, "public.t")
    return kit_db


@pytest.fixture
def owner(t: Database) -> Connection:
    """A connection of an ordinary role that is a mere member of the tables' owner."""
    return connect(t, t.roles[1])


def said(db: Database, *kinds: str) -> list[dict[str, Any]]:
    """The control events of these kinds, without the statement."""
    leave = {"command", "query"}
    return [
        {key: value for key, value in event.items() if key not in leave}
        for event in controls(db)
        if event["kind"] in kinds or (not kinds and event["kind"].startswith(("partition-", "child-")))
    ]


def doctor(db: Database) -> dict[str, Any]:
    """What doctor says, by check; how it ends depends on how old the events are that nobody seals."""
    answer = run("--dsn", db.dsn, "doctor", "--json")
    return {check["name"]: check for check in answer.json["checks"]}


def triggers(db: Database, table: str) -> list[tuple[str, str, str]]:
    """The kit's triggers on a table: name, how enabled, comment."""
    return db.execute(
        "SELECT g.tgname, g.tgenabled::text, left(obj_description(g.oid), 20) FROM pg_trigger AS g"
        " WHERE g.tgrelid = to_regclass(%s) AND g.tgname LIKE '00\\_pgaudit%%truncate%%' ORDER BY 1",
        [table],
    ).fetchall()


def baseline(db: Database) -> list[tuple[str | None, dict[str, Any]]]:
    return [(event.record_key, event.new) for event in events(db) if event.operation == "BASELINE"]


def truncated(db: Database, *statements: str) -> list[str | None]:
    """What TRUNCATE events these statements gave: the partition they name, None for the whole table."""
    before = one(db, "SELECT coalesce(max(event_id), 0) FROM audit.change_events")
    for statement in statements:
        db.execute(statement.encode())
    return [event.new.get("partition") for event in events(db, before) if event.operation == "TRUNCATE"]


MAKE = {
    "made": "CREATE TABLE public.asia PARTITION OF public.t FOR VALUES IN ('asia')",
    "made-below": "CREATE TABLE public.asia PARTITION OF public.rest FOR VALUES FROM (100) TO (200)",
    "attached": LIKE.format("public.asia")
    + "; ALTER TABLE public.t ATTACH PARTITION public.asia FOR VALUES IN ('asia')",
    "attached-tree": LIKE.format("public.tree")
    + " PARTITION BY RANGE (id); CREATE TABLE public.asia PARTITION OF public.tree DEFAULT;"
    "ALTER TABLE public.t ATTACH PARTITION public.tree FOR VALUES IN ('asia')",
}


@pytest.mark.parametrize("how", MAKE)
def test_new_partition_gets_its_truncate_triggers(t: Database, owner: Connection, how: str):
    owner.execute(MAKE[how].encode())
    armed = triggers(t, "public.asia")
    assert [state for _, state, _ in armed] == ["A", "A"]
    assert truncated(t, "TRUNCATE public.asia", "TRUNCATE public.t") == ["public.asia", None]
    assert Kit(t.dsn).plan() == []
    assert not [event for event in controls(t) if event["kind"] == "triggers-changed"]


def test_new_partition_is_no_failure_for_doctor(t: Database, owner: Connection):
    owner.execute(MAKE["made"].encode())
    checks = doctor(t)
    for name in ("triggers", "objects"):
        assert checks[name]["level"] == "ok", checks[name]


def test_lent_privileges_are_taken_back(t: Database, owner: Connection):
    owner.execute(LIKE.format("public.asia").encode())
    owner.execute(b"INSERT INTO public.asia VALUES ('x', 'asia', 1)")
    owner.execute(b"ALTER TABLE public.t ATTACH PARTITION public.asia FOR VALUES IN ('asia')")
    rows = t.execute(
        "SELECT relname FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) AS a"
        " WHERE relnamespace = 'public'::regnamespace AND a.grantee = 'pgaudit_kit_owner'::regrole"
    ).fetchall()
    assert rows == []


def test_rows_that_come_along_are_recorded(t: Database, owner: Connection):
    owner.execute(LIKE.format("public.asia").encode())
    owner.execute(b"INSERT INTO public.asia VALUES ('x', 'asia', 1), ('y', 'asia', 2)")
    owner.execute(b"ALTER TABLE public.t ATTACH PARTITION public.asia FOR VALUES IN ('asia')")
    assert baseline(t) == [
        ('["1", "asia"]', {"id": "1", "region": "asia", "a": "x"}),
        ('["2", "asia"]', {"id": "2", "region": "asia", "a": "y"}),
    ]
    assert said(t) == [
        {
            "kind": "partition-attached",
            "table": "public.t",
            "partition": "public.asia",
            "baseline": True,
            "rows": "2",
        }
    ]
    assert {event.table_name for event in events(t)} == {"public.t"}


def attached(db: Connection, name: str, rows: str, *, region: str = "asia", more: str = "") -> None:
    """Make a table with these rows and attach it, in one transaction."""
    db.execute(
        f"BEGIN; {LIKE.format(name)}; INSERT INTO {name} (id, region, a) VALUES {rows}; {more};"
        f"ALTER TABLE public.t ATTACH PARTITION {name} FOR VALUES IN ('{region}'); COMMIT"
    )


def test_a_whole_tree_brings_its_rows_and_is_one_event(t: Database, owner: Connection):
    owner.execute(
        LIKE.format("public.tree").encode() + b" PARTITION BY RANGE (id);"
        b'CREATE TABLE public."l ""1" PARTITION OF public.tree FOR VALUES FROM (0) TO (10);'
        b"CREATE TABLE public.l2 PARTITION OF public.tree FOR VALUES FROM (10) TO (20);"
        b"INSERT INTO public.tree VALUES ('x', 'asia', 1), ('y', 'asia', 11)"
    )
    owner.execute(b"ALTER TABLE public.t ATTACH PARTITION public.tree FOR VALUES IN ('asia')")
    assert [key for key, _ in baseline(t)] == ['["1", "asia"]', '["11", "asia"]']
    owner.execute(b"ALTER TABLE public.t DETACH PARTITION public.tree")
    owner.execute(b"DROP TABLE public.rest")
    leaves = ['public."l ""1"', "public.l2"]
    assert said(t) == [
        {"kind": "partition-attached", "table": "public.t", "partition": "public.tree",
         "partitions": leaves, "baseline": True, "rows": "2"},
        {"kind": "partition-detached", "table": "public.t", "partition": "public.tree", "partitions": leaves},
        {"kind": "partition-dropped", "table": "public.t", "partition": "public.rest",
         "partitions": ["public.low"]},
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["", " CONCURRENTLY"])
def test_a_detached_partition_is_one_event_and_keeps_no_trigger(t: Database, owner: Connection, how: str):
    owner.execute(b"DROP TABLE public.rest")
    owner.execute(f"ALTER TABLE public.t DETACH PARTITION public.eu{how}".encode())
    assert said(t)[1:] == [{"kind": "partition-detached", "table": "public.t", "partition": "public.eu"}]
    assert triggers(t, "public.eu") == []
    assert truncated(t, "TRUNCATE public.eu") == []
    assert Kit(t.dsn).plan() == []


def test_a_detachment_that_is_finalized_is_recorded_then(t: Database, owner: Connection):
    owner.execute(b"DROP TABLE public.rest")
    with connect(t) as reader, connect(t) as stopped:
        reader.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM public.t")
        stopped.execute(b"SET lock_timeout = '10ms'")
        with pytest.raises(errors.LockNotAvailable):
            stopped.execute(b"ALTER TABLE public.t DETACH PARTITION public.eu CONCURRENTLY")
        reader.execute(b"ROLLBACK")
        owner.execute(b"ALTER TABLE public.t DETACH PARTITION public.eu FINALIZE")
    assert [event["partition"] for event in said(t, "partition-detached")] == ["public.eu"]


def test_each_attachment_brings_another_baseline(t: Database, owner: Connection):
    attached(owner, "public.asia", "(1, 'asia', 'x')")
    owner.execute(b"ALTER TABLE public.t DETACH PARTITION public.asia")
    owner.execute(b"UPDATE public.asia SET a = 'y'")
    owner.execute(b"ALTER TABLE public.t ATTACH PARTITION public.asia FOR VALUES IN ('asia')")
    assert [new["a"] for _, new in baseline(t)] == ["x", "y"]


def test_what_is_rolled_back_leaves_no_event(t: Database, owner: Connection):
    owner.execute(b"BEGIN")
    owner.execute(MAKE["attached-tree"].encode())
    owner.execute(b"ROLLBACK")
    assert said(t) == [] and one(t, "SELECT count(*) FROM audit.descendants") == 3


def test_personal_values_of_a_baseline_are_kept_apart(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t", "--personal", "a", "--tenant-column", "region")
    attached(kit_db, "public.asia", "(1, 'asia', 'secret')")
    assert baseline(kit_db) == [('["1", "asia"]', {"id": "1", "region": "asia"})]
    assert one(kit_db, "SELECT tenant_id || (new_values ->> 'a') FROM audit.personal_values") == "asiasecret"


def test_a_schema_that_is_closed_to_the_kit_waits_for_apply(t: Database, owner: Connection):
    t.execute(f'CREATE SCHEMA closed; GRANT ALL ON SCHEMA closed TO "{t.roles[0]}"')
    attached(owner, "closed.asia", "(1, 'asia', 'x')")
    (event,) = said(t)
    assert (event["baseline"], event["why"]) == (False, "pgaudit_kit_owner may not use schema closed")
    assert len(triggers(t, "closed.asia")) == 2 and baseline(t) == []


RAN = """
    CREATE TABLE public.ran (who text); GRANT INSERT ON public.ran TO PUBLIC;
    CREATE FUNCTION public.note() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.ran VALUES (current_user); RETURN 1; END $$
"""
EVIL = """
    CREATE FUNCTION public.evil(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN RETURN $1 + public.note(); END $$;
    CREATE FUNCTION public.evil(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN RETURN public.note() = 1; END $$;
    CREATE OPERATOR public.!! (RIGHTARG = int, FUNCTION = public.evil)
"""
HOSTILE = {
    "index": ("CREATE INDEX ON public.asia ((id + public.evil(1)))", "would call public.evil(integer)"),
    "operator": (
        "CREATE INDEX ON public.asia ((id + (OPERATOR(public.!!) 1)))",
        "would call public.evil(integer)",
    ),
    "predicate": ("CREATE INDEX ON public.asia (id) WHERE public.evil('x')", "would call public.evil(text)"),
    "statistics": (
        "CREATE STATISTICS public.s ON (id + public.evil(1)), a FROM public.asia",
        "would call public.evil(integer)",
    ),
    "policy": (
        "ALTER TABLE public.asia ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON public.asia USING (public.evil(a))",
        "public.asia has row security",
    ),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_reading_a_partition_runs_nobodys_code_as_the_kit(t: Database, owner: Connection, how: str):
    t.execute(RAN.encode())
    owner.execute(EVIL.encode())
    trap, why = HOSTILE[how]
    attached(owner, "public.asia", "(1, 'asia', 'x')", more=trap)
    assert one(t, "SELECT count(*) FROM public.ran WHERE who LIKE 'pgaudit%%'") == 0
    (event,) = said(t)
    assert event["baseline"] is False and event["why"].endswith(why)


def test_a_constraint_is_not_evaluated_as_the_kit(t: Database, owner: Connection):
    t.execute(RAN.encode())
    owner.execute(EVIL.encode())
    owner.execute(b"SET constraint_exclusion = on")
    attached(
        owner, "public.asia", "(1, 'asia', 'x')",
        more="ALTER TABLE public.asia ADD CHECK (id < 10 + public.evil(1))",
    )  # fmt: skip
    assert one(t, "SELECT count(*) FROM public.ran WHERE who LIKE 'pgaudit%%'") == 0
    assert len(baseline(t)) == 1


def test_a_foreign_partition_is_not_read(kit_db: Database):
    kit_db.execute(
        "CREATE TABLE public.t (id int NOT NULL, region text) PARTITION BY LIST (region);"
        "CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw;"
        "CREATE FOREIGN TABLE public.f (id int NOT NULL, region text) SERVER s"
        " OPTIONS (program 'echo 1,f', format 'csv')"
    )
    enable(kit_db, "public.t", "--key", "id", "--operations", "truncate")
    kit_db.execute(b"ALTER TABLE public.t ATTACH PARTITION public.f FOR VALUES IN ('f')")
    assert [event["why"] for event in said(kit_db)] == ["public.f is a foreign table"]
    assert Kit(kit_db.dsn).plan() == []


def test_the_owner_cannot_forge_events_with_the_kits_functions(t: Database, owner: Connection):
    owner.execute(b"CREATE TABLE public.fake (id int, region text, a text)")
    for fires, function in (("INSERT", "tg_capture_1()"), ("TRUNCATE", "tg_truncate('1')")):
        kind = "ROW" if fires == "INSERT" else "STATEMENT"
        owner.execute(
            f"CREATE TRIGGER f_{fires} AFTER {fires} ON public.fake FOR EACH {kind}"
            f" EXECUTE FUNCTION audit.{function}".encode()
        )
    owner.execute(
        b"CREATE TRIGGER f AFTER INSERT ON public.t"
        b" FOR EACH STATEMENT EXECUTE FUNCTION audit.tg_truncate('1')"
    )
    with pytest.raises(errors.Error, match="trigger"):
        owner.execute(b"INSERT INTO public.fake VALUES (1, 'eu', 'forged')")
    owner.execute(b"TRUNCATE public.fake")
    with pytest.raises(errors.InsufficientPrivilege):
        owner.execute(b"INSERT INTO public.t VALUES (1, 'eu', 'x')")
    assert events(t) == []


TWICE = {
    "before": "CREATE TRIGGER x BEFORE INSERT ON public.t",
    "on a partition": "CREATE TRIGGER x AFTER INSERT ON public.eu",
    "under its name": 'CREATE TRIGGER "00_pgaudit_kit_audit_row" AFTER INSERT ON public.fake',
}


@pytest.mark.parametrize("how", TWICE)
def test_the_owner_cannot_have_a_write_recorded_that_is_none(t: Database, owner: Connection, how: str):
    owner.execute(b"CREATE TABLE public.fake (LIKE public.t)")
    owner.execute(f"{TWICE[how]} FOR EACH ROW EXECUTE FUNCTION audit.tg_capture_1()".encode())
    table = "fake" if "fake" in TWICE[how] else "t"
    with pytest.raises(errors.TriggerProtocolViolated):
        owner.execute(f"INSERT INTO public.{table} VALUES (1, 'eu', 'x')".encode())
    assert events(t) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_renamed_trigger_or_table_goes_on_recording(t: Database, mode: str):
    Audited(t, "public.t", mode)
    t.execute(b'ALTER TRIGGER "00_pgaudit_kit_audit_row" ON public.t RENAME TO other')
    t.execute(b"INSERT INTO public.t VALUES (1, 'eu', 'x'); ALTER TABLE public.t RENAME TO u")
    t.execute(b"INSERT INTO public.u VALUES (2, 'eu', 'x'); INSERT INTO public.low VALUES (3, 'x', 'x')")
    assert [event.record_key for event in events(t)] == ['["1", "eu"]', '["2", "eu"]', '["3", "x"]']


def test_a_new_owner_may_make_partitions(t: Database):
    heir = t.role("heir")
    t.execute(f'GRANT CREATE ON SCHEMA public TO "{heir}"; ALTER TABLE public.t OWNER TO "{heir}"')
    with connect(t, heir) as conn:
        conn.execute(MAKE["made"].encode())
    assert len(triggers(t, "public.asia")) == 2
    Kit(t.dsn)("apply", "--yes")
    assert Kit(t.dsn).plan() == []
    grantees = t.execute(
        "SELECT DISTINCT a.grantee::regrole::text FROM pg_proc CROSS JOIN LATERAL aclexplode(proacl) AS a"
        " WHERE proname = 'tg_capture_1' AND a.grantee <> proowner"
    ).fetchall()
    assert grantees == [(heir,)]


def test_truncate_names_each_target_once(t: Database):
    assert truncated(t, "TRUNCATE public.t") == [None]
    assert truncated(t, "TRUNCATE public.rest") == ["public.rest"]
    assert truncated(t, "TRUNCATE ONLY public.low") == ["public.low"]
    assert truncated(t, "TRUNCATE public.low, public.eu") == ["public.low", "public.eu"]
    # what the statement truncates with its parent anyway is not named again, in whichever order
    for tables in ("public.low, public.t", "public.t, public.low", "public.rest, public.t, public.low"):
        assert truncated(t, f"TRUNCATE {tables}; TRUNCATE public.low") == [None, "public.low"]
    assert truncated(t, "BEGIN; TRUNCATE public.t; TRUNCATE public.t; COMMIT; TRUNCATE public.eu") == [
        None, None, "public.eu",
    ]  # fmt: skip
    assert one(t, "SELECT count(*) FROM audit.truncate_marks") == 0


def test_a_forged_place_hides_no_truncate(t: Database):
    oid = one(t, "SELECT 'public.eu'::regclass::oid::int")
    name = one(t, "SELECT 'pgaudit_kit.truncate_marks_' || 'audit'::regnamespace::oid")
    for place in ("(0,1)", "(0,2)", "(4294967295,1)", "x"):
        t.execute(b"SELECT set_config(%s, %s, false)", [name, f" {oid}={place};"])
        assert truncated(t, "TRUNCATE public.eu") == ["public.eu"]


@pytest.mark.parametrize("others", [("public.t", "public.u"), ("public.eu", "public.low")])
def test_truncating_at_serializable_does_not_fail(t: Database, others: tuple[str, str]):
    t.execute(TABLE.replace("public.", "public.u_").replace("public.u_t", "public.u").encode())
    enable(t, "public.u")
    conns = [connect(t, autocommit=False) for _ in others]
    for conn, table in zip(conns, others, strict=True):
        conn.isolation_level = IsolationLevel.SERIALIZABLE
        conn.execute(f"TRUNCATE {table}".encode())
    for conn, table in zip(conns, others, strict=True):
        conn.execute(f"TRUNCATE {table}".encode())
    for conn in conns:
        conn.commit()
    assert [event.operation for event in events(t)] == ["TRUNCATE"] * 4


def test_truncating_the_same_table_at_serializable_waits_and_goes_on(t: Database):
    first, second = (connect(t, autocommit=False) for _ in range(2))
    for conn in (first, second):
        conn.isolation_level = IsolationLevel.SERIALIZABLE
        conn.execute(b"SELECT")
    first.execute(b"TRUNCATE public.t")
    first.commit()
    second.execute(b"TRUNCATE public.t")
    second.commit()
    assert [event.new for event in events(t)] == [{}, {}]


@pytest.fixture
def unwatched(t: Database) -> Database:
    """The same where nobody could make event triggers; then they are looked for by `apply` alone."""
    for (name,) in t.execute("SELECT evtname FROM pg_event_trigger").fetchall():
        t.execute(f"ALTER EVENT TRIGGER {name} DISABLE")
    return t


def test_without_a_watch_apply_notices_what_came_and_went(unwatched: Database, owner: Connection):
    attached(owner, "public.asia", "(1, 'asia', 'x')")
    owner.execute(b"ALTER TABLE public.t DETACH PARTITION public.eu; DROP TABLE public.rest")
    kit = Kit(unwatched.dsn)
    checks = doctor(unwatched)
    message = "public.t: gone: public.eu, public.low, public.rest; new: public.asia."
    assert [finding["message"] for finding in checks["descendants"]["findings"]] == [message]
    kit("apply", "--yes")
    assert [(event["kind"], event["partition"]) for event in said(unwatched)] == [
        ("partition-detached", "public.eu"),
        ("partition-dropped", "public.rest"),
        ("partition-attached", "public.asia"),
    ]
    assert [new["a"] for _, new in baseline(unwatched)] == ["x"]
    before = one(unwatched, "SELECT max(event_id) FROM audit.change_events")
    kit("apply", "--yes")
    assert events(unwatched, before, control=True) == [] and len(triggers(unwatched, "public.asia")) == 2


def test_apply_records_the_rows_that_the_watch_could_not_read(t: Database, owner: Connection):
    t.execute(f'CREATE SCHEMA closed; GRANT ALL ON SCHEMA closed TO "{t.roles[0]}"')
    attached(owner, "closed.asia", "(1, 'asia', 'x')")
    kit = Kit(t.dsn)
    assert [change["why"] for change in kit.changes()] == ["rows not recorded: closed.asia"]
    kit("apply", "--yes")
    assert [new["a"] for _, new in baseline(t)] == ["x"] and kit.plan() == []
