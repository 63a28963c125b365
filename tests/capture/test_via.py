"""Tables that find their tenant by a foreign key."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import MODES, Audited, enable, one
from tests.kit import Kit, run
from tests.sealing import seal_all
from tests.servers import Database, connect

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see

IN_MODES = (*MODES, "unguarded", "bulk", "bulk generic")
ARTICLE = "CREATE TABLE public.article (id int PRIMARY KEY, tenant_id text, title text);"
COMMENT = (
    "CREATE TABLE public.t (id int PRIMARY KEY, body text,"
    " article_id int REFERENCES public.article ON DELETE CASCADE ON UPDATE CASCADE)"
)
VIA = ("--tenant-via", "article_id -> article.tenant_id")


@pytest.fixture
def comments(kit_db: Database, audited: Audit, mode: str) -> Audited:
    """Comments on articles of two tenants; both tables in the mode, but an article is never bulk."""
    kit_db.execute(f"{ARTICLE} INSERT INTO public.article VALUES (1, 'acme', 'a'), (2, 'beta', 'b')".encode())
    enable(kit_db, "public.article", "--tenant-column", "tenant_id")
    made = audited(COMMENT, *VIA)
    Audited(kit_db, "public.article", {"bulk": "specialised", "bulk generic": "generic"}.get(mode, mode))
    return made


def found(t: Audited) -> list[tuple[str, str, bool, bool]]:
    """Operation and tenant, and whether there are values before and after."""
    return [(e.operation, e.tenant_id, e.old_text is not None, e.new_text is not None) for e in t.events()]


def test_the_tenant_is_that_of_the_row_that_is_referred_to(comments: Audited) -> None:
    comments.do(
        "INSERT INTO public.t VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', NULL)",
        "UPDATE public.t SET body = body || '.'",
        "DELETE FROM public.t",
    )
    tenants = ["acme", "beta", "default"]
    assert found(comments) == [
        *(("INSERT", tenant, False, True) for tenant in tenants),
        *(("UPDATE", tenant, True, True) for tenant in tenants),
        *(("DELETE", tenant, True, False) for tenant in tenants),
    ]


def test_a_row_that_refers_to_another_tenants_is_in_both_logs(comments: Audited) -> None:
    comments.do(
        "INSERT INTO public.article VALUES (3, 'acme', 'c'); INSERT INTO public.t VALUES (1, 'x', 1)",
        "UPDATE public.t SET article_id = 3",
        "UPDATE public.t SET article_id = 2",
        "UPDATE public.t SET article_id = NULL",
    )
    assert found(comments)[1:] == [
        ("UPDATE", "acme", True, True),
        ("UPDATE", "acme", True, False), ("UPDATE", "beta", False, True),
        ("UPDATE", "beta", True, False), ("UPDATE", "default", False, True),
    ]  # fmt: skip


def test_rows_that_go_with_the_row_that_they_refer_to_stay_in_its_tenants_log(comments: Audited) -> None:
    comments.do(
        "INSERT INTO public.t VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', 1)",
        "DELETE FROM public.article WHERE id = 1",
        "WITH a AS (DELETE FROM public.article RETURNING id)"
        " DELETE FROM public.t USING a WHERE article_id = a.id",
    )
    assert found(comments)[3:] == [
        ("DELETE", "acme", True, False), ("DELETE", "acme", True, False), ("DELETE", "beta", True, False),
    ]  # fmt: skip


def test_a_key_that_changes_takes_the_rows_along(comments: Audited) -> None:
    comments.do(
        "INSERT INTO public.t VALUES (1, 'x', 1)",
        "UPDATE public.article SET id = 11 WHERE id = 1",
        "UPDATE public.t SET body = 'y'",
    )
    assert found(comments) == [
        ("INSERT", "acme", False, True), ("UPDATE", "acme", True, True), ("UPDATE", "acme", True, True),
    ]  # fmt: skip


def test_after_the_other_row_moved_rows_are_recorded_with_its_new_tenant(comments: Audited) -> None:
    comments.do(
        "INSERT INTO public.t VALUES (1, 'x', 1)",
        "UPDATE public.article SET tenant_id = 'gamma' WHERE id = 1",
        "UPDATE public.t SET body = 'y'",
    )
    assert [event.tenant_id for event in comments.events()] == ["acme", "gamma"]


def test_both_rows_in_one_statement_or_one_transaction(comments: Audited) -> None:
    comments.do(
        "WITH a AS (INSERT INTO public.article VALUES (5, '_odd', 'n') RETURNING id)"
        " INSERT INTO public.t SELECT 1, 'x', id FROM a",
        "INSERT INTO public.article VALUES (6, repeat('é', 101));INSERT INTO public.t VALUES (2, 'y', 6)",
        "DELETE FROM public.article WHERE id = 5; INSERT INTO public.article VALUES (5, 'other', 'n');"
        "INSERT INTO public.t VALUES (3, 'z', 5)",
    )
    tenants = [event.tenant_id for event in comments.events() if event.operation == "INSERT"]
    assert tenants[0] == "__odd" and tenants[1].startswith("sha256:") and tenants[2] == "other"


def test_a_writer_needs_no_right_on_the_other_table_and_row_security_hides_nothing(comments: Audited) -> None:
    db = comments.db
    writer = db.role("writer")
    db.execute(
        f"GRANT INSERT, UPDATE, DELETE, SELECT ON public.t TO {writer};"
        "ALTER TABLE public.article ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY none ON public.article USING (false)".encode()
    )
    with connect(db, writer) as conn:
        conn.execute("INSERT INTO public.t VALUES (1, 'x', 1); UPDATE public.t SET body = 'y'")
    assert [event.tenant_id for event in comments.events()] == ["acme", "acme"]


def test_any_changes_leave_each_row_in_the_log_of_its_tenant(comments: Audited) -> None:
    """What is said of each event is what a look at the tables would have said."""
    db, choice = comments.db, random.Random(3)
    expected = []
    for number in range(40):
        article, other = choice.randrange(3, 7), choice.randrange(3, 7)
        tenant = choice.choice(["acme", "beta"])
        db.execute(
            choice.choice(
                [
                    f"INSERT INTO public.article VALUES ({article}, '{tenant}', '') ON CONFLICT DO NOTHING",
                    f"UPDATE public.article SET tenant_id = '{tenant}' WHERE id = {article}",
                    f"UPDATE public.article SET id = {other} WHERE id = {article}"
                    f" AND NOT EXISTS (SELECT FROM public.article WHERE id = {other})",
                    f"DELETE FROM public.article WHERE id = {article}",
                ]
            ).encode()
        )
        mark = comments.mark
        comments.seen()
        db.execute(f"INSERT INTO public.t SELECT {number}, '', max(id) FROM public.article".encode())
        expected.append(
            one(
                db,
                "SELECT a.tenant_id FROM public.article AS a"
                f" INNER JOIN public.t ON a.id = article_id WHERE t.id = {number}",
            )
        )
        assert [event.tenant_id for event in comments.events()] == expected[-1:]
        comments.mark = mark
    seal_all(db)
    Kit(db.dsn)("verify", "--all")


def test_both_tables_go_on_under_other_names(comments: Audited) -> None:
    comments.do(
        "ALTER TABLE public.article RENAME id TO number; ALTER TABLE public.article RENAME TO story",
        "ALTER TABLE public.t RENAME article_id TO story_id; ALTER TABLE public.story ADD COLUMN extra int",
        "INSERT INTO public.story VALUES (9, 'acme', 't', 1); INSERT INTO public.t VALUES (1, 'x', 9)",
        "UPDATE public.story SET number = 10 WHERE number = 9",
        "UPDATE public.story SET tenant_id = 'beta' WHERE number = 10",
        "UPDATE public.t SET body = 'z'",
        "DELETE FROM public.story WHERE number = 10",
    )
    assert [(event.operation, event.tenant_id) for event in comments.events()] == [
        ("INSERT", "acme"), ("UPDATE", "acme"), ("UPDATE", "beta"), ("DELETE", "beta"),
    ]  # fmt: skip


CONFIG = """
[[tables]]
name = "public.t"
tenant = { via = "article_id -> article.tenant_id" }
[[tables]]
name = "public.note"
tenant = { via = "t_id -> public.t" }
[[tables]]
name = "public.article"
tenant = { column = "tenant_id" }
"""
NOTE = "CREATE TABLE public.note (id int PRIMARY KEY, t_id int REFERENCES public.t)"


@pytest.fixture
def kit(kit_db: Database, tmp_path: Path) -> Kit:
    """Comments and notes on them, with rows from before."""
    kit_db.execute(
        f"{ARTICLE} {COMMENT}; {NOTE}; INSERT INTO public.article VALUES (1, 'acme'); "
        "INSERT INTO public.t VALUES (1, 'x', 1); INSERT INTO public.note VALUES (1, 1)".encode()
    )
    made = Kit(kit_db.dsn)
    made.config = tmp_path / "pgaudit.toml"
    return made


def test_a_tenant_comes_over_several_tables_in_whatever_order_they_are_declared(
    kit: Kit, kit_db: Database
) -> None:
    kit.declare(CONFIG)
    kit("apply", "--yes")
    assert kit.plan() == []
    kit("seal")
    kit("doctor")
    (line,) = [line for line in kit("status").out.splitlines() if line.startswith("public.note")]
    assert "via t_id -> public.t" in line
    kit_db.execute("UPDATE public.note SET id = 2; INSERT INTO public.t VALUES (2, 'y', 1)")
    kit_db.execute("INSERT INTO public.note VALUES (3, 2)")
    tenants = kit_db.execute("SELECT DISTINCT tenant_id FROM audit.change_events WHERE operation <> 'C'")
    assert tenants.fetchall() == [("acme",)]


def test_a_baseline_has_the_tenants_too(kit: Kit, kit_db: Database) -> None:
    kit.declare(CONFIG)
    kit("enable", "public.article", "--tenant-column", "tenant_id")
    kit("enable", "public.t", *VIA, "--baseline")
    kit("enable", "public.note", "--tenant-via", "t_id -> t", "--baseline")
    assert kit.plan() == []
    rows = kit_db.execute("SELECT table_name, tenant_id FROM audit.events WHERE operation = 'BASELINE'")
    assert sorted(rows.fetchall()) == [("public.note", "acme"), ("public.t", "acme")]


def test_a_table_lends_its_tenant_as_long_as_one_needs_it(kit: Kit, kit_db: Database) -> None:
    kit.config = None
    kit("enable", "public.article", "--tenant-column", "tenant_id")
    count = "SELECT count(*)::int FROM audit.row_tenants"
    kit_db.execute("INSERT INTO public.article VALUES (2, 'beta')")
    assert one(kit_db, count) == 0
    kit("enable", "public.t", *VIA)
    assert one(kit_db, count) == 2
    kit_db.execute("INSERT INTO public.article VALUES (3, 'beta'); UPDATE public.article SET title = 'n'")
    assert one(kit_db, count) == 3
    answer = kit("disable", "public.article", "--yes", code=2)
    assert "public.t finds its tenant via public.article" in answer.err
    assert kit.plan() == []
    kit("disable", "public.t", "--yes")
    assert kit.plan() == []
    kit_db.execute("INSERT INTO public.article VALUES (4, 'beta')")
    assert one(kit_db, count) == 3
    kit("enable", "public.t", *VIA)
    kit_db.execute("INSERT INTO public.t VALUES (9, 'x', 4)")
    last = "SELECT tenant_id FROM audit.change_events ORDER BY event_id DESC LIMIT 1"
    assert one(kit_db, last) == "beta"
    kit("disable", "public.t", "public.article", "--yes")


def test_partitions_that_come_bring_their_tenants(kit_db: Database) -> None:
    kit_db.execute(
        "CREATE TABLE public.article (id int PRIMARY KEY, tenant_id text) PARTITION BY RANGE (id);"
        "CREATE TABLE public.a1 PARTITION OF public.article FOR VALUES FROM (0) TO (10);"
        f"{COMMENT}; CREATE TABLE public.a2 (id int PRIMARY KEY, tenant_id text);"
        "INSERT INTO public.a2 VALUES (11, 'beta')"
    )
    enable(kit_db, "public.article", "--tenant-column", "tenant_id")
    enable(kit_db, "public.t", *VIA)
    kit_db.execute("ALTER TABLE public.article ATTACH PARTITION public.a2 FOR VALUES FROM (10) TO (20)")
    kit_db.execute(
        "INSERT INTO public.article VALUES (1, 'acme'); INSERT INTO public.t VALUES (1, 'x', 1), (2, 'y', 11)"
    )
    tenants = kit_db.execute(
        "SELECT tenant_id FROM audit.events WHERE table_name = 'public.t' AND operation = 'INSERT'"
        " ORDER BY event_id"
    )
    assert tenants.fetchall() == [("acme",), ("beta",)]


REFUSED = {
    "no arrow": ("article_id", "is not like"),
    "no such column": ("nothing -> article.tenant_id", "has no column 'nothing'"),
    "no foreign key": ("id -> article.tenant_id", "no foreign key of 'id' alone"),
    "another table": ("article_id -> other.tenant_id", "no foreign key of 'article_id' alone"),
    "another column": ("article_id -> article.title", "it is not declared with tenant"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_reference_that_does_not_fit_is_an_error_of_the_plan(kit: Kit, case: str) -> None:
    via, message = REFUSED[case]
    kit.declare(CONFIG.replace("article_id -> article.tenant_id", via))
    answer = kit("plan", code=2)
    assert message in " ".join(answer.err.split()) and "tables[0]" in answer.err


LENDERS = {
    'tenant = { value = "acme" }': "no column of it names the tenant",
    'tenant = { column = "tenant_id" }\nbulk = true': "not each INSERT and UPDATE",
    'tenant = { column = "tenant_id" }\nwhen = "NEW.id > 1"': "not each INSERT and UPDATE",
    'tenant = { column = "tenant_id" }\noperations = ["insert"]': "not each INSERT and UPDATE",
    'tenant = { column = "tenant_id" }\npersonal = ["id"]': "its key is personal",
    'tenant = { column = "tenant_id" }\nkey = ["title"]': "the key of its events is not id",
}


@pytest.mark.parametrize("lender", LENDERS)
def test_a_table_that_cannot_lend_its_tenant_is_an_error_of_the_plan(kit: Kit, lender: str) -> None:
    kit.declare(CONFIG.replace('tenant = { column = "tenant_id" }', lender))
    assert LENDERS[lender] in " ".join(kit("plan", code=2).err.split())


def test_the_other_table_must_be_audited_and_not_by_itself(kit: Kit, kit_db: Database) -> None:
    answer = run("--dsn", kit_db.dsn, "enable", "public.t", *VIA)
    assert answer.code == 2 and "via public.article, which is not audited" in answer.err
    kit_db.execute("ALTER TABLE public.t ADD COLUMN up int REFERENCES public.t")
    answer = run("--dsn", kit_db.dsn, "enable", "public.t", "--tenant-via", "up -> t")
    assert answer.code == 2 and "via itself" in answer.err


def test_a_key_that_may_look_different_is_refused(kit_db: Database) -> None:
    kit_db.execute(
        "CREATE TABLE public.article (id numeric PRIMARY KEY, tenant_id text);"
        "CREATE TABLE public.t (id int PRIMARY KEY, article_id int REFERENCES public.article)"
    )
    enable(kit_db, "public.article", "--tenant-column", "tenant_id")
    answer = enable(kit_db, "public.t", *VIA, code=2)
    assert "may be equal and look different" in answer.err


def test_children_of_a_table_find_their_tenant_as_it_does(kit_db: Database) -> None:
    kit_db.execute(
        f"{ARTICLE} {COMMENT}; CREATE TABLE public.child (note text) INHERITS (public.t);"
        "INSERT INTO public.article VALUES (1, 'acme')"
    )
    enable(kit_db, "public.article", "--tenant-column", "tenant_id")
    enable(kit_db, "public.t", *VIA)
    kit_db.execute("INSERT INTO public.child VALUES (1, 'x', 1, 'n'); UPDATE public.t SET body = 'y'")
    rows = kit_db.execute(
        "SELECT table_name, tenant_id FROM audit.events"
        " WHERE table_name = 'public.child' AND operation <> 'CONTROL'"
    )
    assert rows.fetchall() == [("public.child", "acme")] * 2
    assert Kit(kit_db.dsn).plan() == []


def test_what_was_declared_comes_back_after_the_kit_was_away(kit: Kit, kit_db: Database) -> None:
    kit.declare(CONFIG.replace('t_id -> public.t" }', 't_id -> public.t" }\nwhen = "NEW.id > 5"'))
    kit("apply", "--yes")
    kit("uninstall", "--yes")
    kit_db.execute("INSERT INTO public.article VALUES (2, 'beta')")
    kit.config = None
    kit("install", "--yes")
    assert kit.plan() == []
    kit_db.execute("INSERT INTO public.t VALUES (7, 'x', 2); INSERT INTO public.note VALUES (3, 7), (6, 7)")
    rows = kit_db.execute(
        "SELECT table_name, record_key, tenant_id FROM audit.events WHERE operation = 'INSERT'"
    )
    assert sorted(rows.fetchall()) == [("public.note", "6", "beta"), ("public.t", "7", "beta")]
