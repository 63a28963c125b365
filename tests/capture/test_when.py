"""Tables of which only some rows are recorded: `when`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import MODES, Audited, enable, one, parse
from tests.kit import Kit
from tests.sealing import seal_all
from tests.servers import Database, connect

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

IN_MODES = (*MODES, "unguarded")
ARTICLE = "CREATE TABLE public.t (id int PRIMARY KEY, status text, title text, tenant text, mail text)"
PUBLISHED = ("--when", "NEW.status <> 'draft'")


def test_a_row_is_recorded_from_where_it_enters_to_where_it_leaves(audited: Audit) -> None:
    t = audited(ARTICLE, *PUBLISHED)
    whole = {"id": "1", "status": "live", "title": "b", "tenant": "x", "mail": None}
    t.do(
        "INSERT INTO public.t VALUES (1, 'draft', 'a', 'x')",
        "UPDATE public.t SET title = 'b'",
        "UPDATE public.t SET status = 'live'",
        "UPDATE public.t SET title = 'c'",
        "UPDATE public.t SET title = 'd', status = 'draft'",
        "UPDATE public.t SET title = 'e'",
        "DELETE FROM public.t",
    )
    assert t.changes == [
        ("UPDATE", "1", {}, whole),
        ("UPDATE", "1", {"title": "b"}, {"title": "c"}),
        ("UPDATE", "1", whole | {"title": "c"}, {}),
    ]
    entering, _, leaving = t.events()
    assert (entering.old_text, leaving.new_text) == (None, None)
    assert (
        t.do("INSERT INTO public.t VALUES (2, 'live', 'a')", "DELETE FROM public.t")[1].operation == "DELETE"
    )


def test_unknown_is_recorded(audited: Audit) -> None:
    t = audited(ARTICLE, *PUBLISHED)
    t.do(
        "INSERT INTO public.t VALUES (1, NULL, 'a')",
        "UPDATE public.t SET title = 'b'",
        "UPDATE public.t SET status = 'draft'",
        "UPDATE public.t SET status = NULL",
        "DELETE FROM public.t",
    )
    found = [(event.operation, event.old_text is None, event.new_text is None) for event in t.events()]
    assert found == [
        ("INSERT", True, False), ("UPDATE", False, False), ("UPDATE", False, True), ("UPDATE", True, False),
        ("DELETE", False, True),
    ]  # fmt: skip


def test_the_log_gives_the_rows_for_which_it_holds_after_any_changes(audited: Audit) -> None:
    t = audited(ARTICLE, "--when", "NEW.status <> 'draft' AND NEW.id % 3 > 0", "--tenant-column", "tenant")
    choice = random.Random(7)
    for _ in range(120):
        key, other = choice.randrange(6), choice.randrange(6)
        status, tenant = choice.choice(["draft", "live", "old"]), choice.choice(["a", "b"])
        t.db.execute(
            choice.choice(
                [
                    f"INSERT INTO public.t VALUES ({key}, '{status}', '', '{tenant}') ON CONFLICT DO NOTHING",
                    f"UPDATE public.t SET status = '{status}', tenant = '{tenant}' WHERE id = {key}",
                    f"UPDATE public.t SET title = title || '.' WHERE id <> {key}",
                    f"UPDATE public.t SET id = {other} WHERE id = {key}"
                    f" AND NOT EXISTS (SELECT FROM public.t WHERE id = {other})",
                    f"DELETE FROM public.t WHERE id = {key}",
                ]
            ).encode()
        )
    wanted = (
        "SELECT jsonb_object_agg(id, to_jsonb(t))::text FROM public.t WHERE status <> 'draft' AND id % 3 > 0"
    )
    assert replayed(t) == parse(one(t.db, wanted))


def replayed(t: Audited) -> dict[str, object]:
    """The rows that the events tell, by their keys; whatever an event says of a row before must be so."""
    rows: dict[str, dict[str, object]] = {}
    for event in t.events():
        before = rows.get(event.record_key or "", {})
        if event.old_text is not None and event.operation != "INSERT":
            assert {name: before[name] for name in event.old} == event.old, event
            rows.pop(event.record_key or "")
        if event.new_text is not None:
            whole = {**before, **event.new} if event.old_text is not None else event.new
            rows[str(whole["id"])] = whole
    return dict(rows)


def test_a_row_that_changes_its_tenant_where_it_enters_or_leaves_is_in_one_log(audited: Audit) -> None:
    t = audited(ARTICLE, *PUBLISHED, "--tenant-column", "tenant", "--personal", "mail")
    t.do(
        "INSERT INTO public.t VALUES (1, 'draft', 'a', 'acme', 'm1')",
        "UPDATE public.t SET status = 'live', tenant = 'beta'",
        "UPDATE public.t SET tenant = 'acme', mail = 'm2'",
        "UPDATE public.t SET status = 'draft', tenant = 'beta', mail = 'm3'",
    )
    found = [(event.tenant_id, event.old_text is None, event.new_text is None) for event in t.events()]
    assert found == [
        ("beta", True, False), ("beta", False, True), ("acme", True, False), ("acme", False, True),
    ]  # fmt: skip
    stored = t.db.execute(
        "SELECT old_values ->> 'mail', new_values ->> 'mail' FROM audit.personal_values ORDER BY event_id"
    ).fetchall()
    assert stored == [(None, "m1"), ("m1", None), (None, "m2"), ("m2", None)]


def test_entering_under_a_fixed_tenant_stays_with_it(audited: Audit) -> None:
    t = audited(ARTICLE, *PUBLISHED, "--tenant-value", "acme")
    t.do("INSERT INTO public.t VALUES (1, 'draft')", "UPDATE public.t SET status = 'live'")
    assert [event.tenant_id for event in t.events()] == ["acme"]


def test_a_condition_over_both_images_serves_updates_alone(audited: Audit) -> None:
    t = audited(ARTICLE, "--when", "OLD.status IS DISTINCT FROM NEW.status")
    t.do(
        "INSERT INTO public.t VALUES (1, 'draft', 'a')",
        "UPDATE public.t SET title = 'b'",
        "UPDATE public.t SET title = 'c', status = 'live'",
        "DELETE FROM public.t",
    )
    assert [(event.operation, event.new.get("title")) for event in t.events()] == [
        ("INSERT", "a"), ("UPDATE", "c"), ("DELETE", None),
    ]  # fmt: skip


def test_conditions_on_a_partitioned_table(audited: Audit) -> None:
    t = audited(
        "CREATE TABLE public.t (id int, status text, title text, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
        "CREATE TABLE public.t1 (title text, status text, id int NOT NULL);"
        "ALTER TABLE public.t ATTACH PARTITION public.t1 FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE public.t2 PARTITION OF public.t FOR VALUES FROM (10) TO (20)",
        *PUBLISHED,
    )
    t.do(
        "INSERT INTO public.t VALUES (1, 'draft', 'a'), (2, 'live', 'b')",
        "UPDATE public.t SET status = 'live' WHERE id = 1",
        "UPDATE public.t SET id = 11, status = 'draft' WHERE id = 1",
        "UPDATE public.t SET status = 'draft' WHERE id = 2",
    )
    assert [(event.operation, event.record_key, event.old_text is None) for event in t.events()] == [
        ("INSERT", "2", True), ("UPDATE", "1", True), ("DELETE", "1", False), ("UPDATE", "2", False),
    ]  # fmt: skip


CONFIG = """
[[tables]]
name = "public.t"
operations = ["insert", "update", "delete"]
when = {{ {when} }}
"""


@pytest.fixture
def kit(kit_db: Database, tmp_path: Path) -> Kit:
    kit_db.execute(ARTICLE.encode())
    made = Kit(kit_db.dsn)
    made.config = tmp_path / "pgaudit.toml"
    return made


def test_each_operation_has_a_condition_of_its_own(kit: Kit, kit_db: Database) -> None:
    kit.declare(CONFIG.format(when="""insert = "NEW.id > 1", delete = "OLD.title <> 'x'\""""))
    kit("apply", "--yes")
    assert kit.plan() == []
    kit("seal")
    kit("doctor")
    t = Audited(kit_db, "public.t", "specialised")
    t.do(
        "INSERT INTO public.t VALUES (1, 'a', 'x'), (2, 'b', 'y')",
        "UPDATE public.t SET status = 'c'",
        "DELETE FROM public.t",
    )
    assert [(event.operation, event.record_key) for event in t.events()] == [
        ("INSERT", "2"), ("UPDATE", "1"), ("UPDATE", "2"), ("DELETE", "2"),
    ]  # fmt: skip
    seal_all(kit_db)
    kit("verify", "--all")
    kit.declare('[[tables]]\nname = "public.t"\n')
    kit("apply", "--yes")
    assert [event.operation for event in t.do("DELETE FROM public.t", "INSERT INTO public.t VALUES (1)")] == [
        "INSERT"
    ]
    assert kit.plan() == []


def test_what_is_not_recorded_is_stated_by_status_and_in_the_log(kit: Kit, kit_db: Database) -> None:
    kit.declare(
        "[[tables]]\nname = 'public.t'\nexclude = ['mail']\noperations = ['insert', 'update']\n"
        "when = \"NEW.status <> 'draft'\"\n"
    )
    kit("apply", "--yes")
    (table,) = kit("status", "--json").json["tables"]
    assert table["not_recorded"] == [
        "DELETE", "TRUNCATE", "column mail",
        "INSERT unless NEW.status <> 'draft'",
        "UPDATE unless NEW.status <> 'draft' before or after",
    ]  # fmt: skip
    assert "INSERT unless NEW.status <> 'draft'" in kit("status").out
    said = one(
        kit_db,
        "SELECT new_values -> 'declaration' ->> 'when' FROM audit.change_events"
        " WHERE operation = 'C' AND new_values ->> 'kind' = 'table-enabled'",
    )
    assert said == "NEW.status <> 'draft'"


def test_the_baseline_has_the_rows_for_which_it_holds(kit_db: Database) -> None:
    kit_db.execute(f"{ARTICLE}; INSERT INTO public.t VALUES (1, 'draft'), (2, 'live'), (3, NULL)".encode())
    enable(kit_db, "public.t", *PUBLISHED, "--baseline")
    keys = kit_db.execute(
        "SELECT record_key FROM audit.change_events WHERE operation = 'B' ORDER BY event_id"
    ).fetchall()
    assert keys == [("2",), ("3",)]


UNFIT = {
    "NEW.nothing = 1": 'column "nothing" not found',
    "NEW.title = 1": "operator does not exist",
    "NEW.title": "must be type boolean",
    "NEW.id = (SELECT 1)": "cannot use subquery",
    "sum(NEW.id) > 1": "aggregate functions are not allowed",
    "NEW.id < random()": "more than the row",
    "NEW.title = current_user": "more than the row",
    "NEW.title = current_setting('app.skip')": "more than the row",
    "NEW.title::date > '2020-01-01'": "more than the row",
    "NEW.id > 'x'": "invalid input syntax",
    "public.lax(NEW.title)": "public.lax(text)",
    "NEW.title OPERATOR(public.===) 'x'": "public.lax_equal(text,text)",
    "unqualified(NEW.title)": "does not exist",
    "NEW.status = title": "does not exist",
    "NEW.id = 1) OR (true": "closes nothing",
    "NEW.id = 1; DROP TABLE public.t": "cannot stand",
}


@pytest.mark.parametrize("when", UNFIT)
def test_a_condition_that_does_not_fit_is_an_error_of_the_plan(kit: Kit, kit_db: Database, when: str) -> None:
    kit_db.execute(
        "CREATE FUNCTION public.lax(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE"
        " AS 'BEGIN RETURN true; END';"
        "CREATE FUNCTION public.lax_equal(text, text) RETURNS bool LANGUAGE plpgsql IMMUTABLE"
        " AS 'BEGIN RETURN true; END';"
        "CREATE OPERATOR public.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = public.lax_equal)"
    )
    kit.declare(f'[[tables]]\nname = "public.t"\nwhen = "{when}"\n')
    answer = kit("plan", code=2)
    assert UNFIT[when] in " ".join(answer.err.split()), answer.err
    assert one(kit_db, "SELECT to_regclass('public.t') IS NOT NULL")


@pytest.mark.parametrize(
    "declared",
    [
        'bulk = true\nwhen = "NEW.id > 1"',
        'when = { insert = "OLD.id > 1" }',
        'when = { merge = "NEW.id > 1" }',
    ],
)
def test_a_condition_that_an_operation_cannot_have_is_an_error_of_the_file(kit: Kit, declared: str) -> None:
    kit.declare(f'[[tables]]\nname = "public.t"\n{declared}\n')
    assert "tables[0]" in kit("plan", code=2).err


def test_names_in_a_condition_mean_what_they_meant_when_it_was_applied(kit_db: Database) -> None:
    kit_db.execute(ARTICLE.encode())
    enable(kit_db, "public.t", "--when", "lower(NEW.title) = 'x'")
    writer = kit_db.role("writer")
    kit_db.execute(
        f"GRANT INSERT ON public.t TO {writer}; GRANT CREATE ON SCHEMA public TO {writer}".encode()
    )
    with connect(kit_db, writer) as conn:
        conn.execute(
            "CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'no' $$;"
            "SET search_path = public, pg_catalog; INSERT INTO t VALUES (1, 's', 'X')"
        )
    assert one(kit_db, "SELECT count(*)::int FROM audit.change_events WHERE operation = 'I'") == 1


def test_a_column_of_a_condition_that_is_renamed_goes_on_and_the_plan_says_so(
    kit: Kit, kit_db: Database
) -> None:
    kit.declare(f'[[tables]]\nname = "public.t"\nwhen = "{PUBLISHED[1]}"\n')
    kit("apply", "--yes")
    kit_db.execute("ALTER TABLE public.t RENAME COLUMN status TO state")
    t = Audited(kit_db, "public.t", "as it is")
    assert [event.operation for event in t.do("INSERT INTO public.t VALUES (1, 'draft'), (2, 'live')")] == [
        "INSERT"
    ]
    assert 'column "status" not found' in kit("plan", code=2).err
    kit.declare('[[tables]]\nname = "public.t"\nwhen = "NEW.state <> \'draft\'"\n')
    kit("apply", "--yes")
    assert kit.plan() == []
