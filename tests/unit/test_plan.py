"""Plans without a database: what differs, in which order, and why."""

from __future__ import annotations

import pytest

from pgaudit_kit.install.apply import script
from pgaudit_kit.model import InstalledObject, ObjectId
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.plan import Change, Plan, digest, drop_changes, stamp_of, stamped, stamped_on, unit_changes
from pgaudit_kit.render import Unit

SEAL = ObjectId("function", "seal")
EVENTS = ObjectId("view", "events")
ROW = ObjectId("trigger", "row", QualifiedName("public", "doc"))


def unit(item: ObjectId = SEAL, text: str = "CREATE …", *more: ObjectId, as_owner: bool = True) -> Unit:
    return Unit(path="x.sql", objects=(item, *more), sql=text, as_owner=as_owner)


def there(
    item: ObjectId = SEAL, text: str = "CREATE …", definition: str = "def", **changes: str
) -> InstalledObject:
    comment = changes.get("comment", stamped("What it does.", digest(text, changes.get("was", definition))))
    return InstalledObject(id=item, definition=definition, comment=comment, target=f"audit.{item.name}()")


def why(units: list[Unit], installed: list[InstalledObject]) -> list[tuple[str, str]]:
    return [(change.op, change.why) for change in unit_changes(units, installed)]


def test_a_digest_is_64_characters_of_which_each_half_tells_its_own():
    assert len(digest("a", "b")) == 64
    assert digest("a", "b")[:32] == digest("a", "c")[:32]
    assert digest("a", "b")[32:] == digest("c", "b")[32:]
    assert len({digest("a", "b"), digest("a", "c"), digest("c", "b"), digest("ab", "")}) == 4


def test_a_stamp_is_put_in_the_place_of_the_last_one():
    first = stamped("What it does.", "a" * 64)
    assert first == f"What it does. [pgaudit-kit sha256:{'a' * 64}]"
    assert stamped(first, "b" * 64) == f"What it does. [pgaudit-kit sha256:{'b' * 64}]"
    assert stamp_of(stamped(None, "c" * 64)) == "c" * 64


def test_what_another_version_prints_otherwise_is_no_drift():
    comment = stamped("What it does.", digest("CREATE …", "as 15 prints it"), 15)
    assert stamped_on(comment) == 15
    assert stamped_on(stamped(comment, "a" * 64, 18)) == 18
    found = InstalledObject(id=SEAL, definition="def", comment=comment, target="audit.seal()", server=18)
    expected = "it was made on PostgreSQL 15, and 18 may print the same otherwise"
    assert why([unit()], [found]) == [("replace", expected)]


@pytest.mark.parametrize(
    "comment",
    [None, "", "words", "[pgaudit-kit sha256:abc]", f"[pgaudit-kit sha256:{'a' * 64}] and more"],
)
def test_a_comment_without_a_digest_at_its_end_has_none(comment: str | None):
    assert stamp_of(comment) is None


def test_what_is_as_it_was_made_is_left_alone():
    assert unit_changes([unit()], [there()]) == []


def test_what_is_missing_is_made():
    assert why([unit()], []) == [("create", "new")]
    assert why([unit(SEAL, "CREATE …", EVENTS)], [there()]) == [("replace", "events is missing")]


def test_the_caller_says_what_missing_means():
    assert unit_changes([unit()], [], absent="it was missing")[0].why == "it was missing"


def test_another_text_is_told_from_a_change_in_the_database():
    [(_, newer)] = why([unit(text="CREATE 2")], [there()])
    [(_, altered)] = why([unit()], [there(was="other")])
    [(_, both)] = why([unit(text="CREATE 2")], [there(was="other")])
    assert "asks for another text" in newer
    assert "changed in the database" in altered
    assert both == altered


@pytest.mark.parametrize(
    ("definition", "reason"),
    [("C\nD", "it was disabled"), ("C\nO", "it is no longer ALWAYS"), ("C\nA", "definition changed")],
)
def test_a_trigger_says_how_it_stands(definition: str, reason: str):
    assert reason in why([unit(ROW)], [there(ROW, definition=definition, was="CREATE …\nA…")])[0][1]


def test_the_caller_says_why_a_text_is_another_but_not_why_a_trigger_is_disabled():
    def reason(found: InstalledObject, text: str = "CREATE …") -> str:
        return unit_changes([unit(found.id, text)], [found], differs="the table changed")[0].why

    assert reason(there(was="other")) == reason(there(), "CREATE 2") == "the table changed"
    assert reason(there(ROW, definition="C\nD", was="C\nA")) == "it was disabled"
    assert "no digest" in reason(there(comment=""))


def test_a_lost_comment_is_said():
    assert "no digest" in why([unit()], [there(comment="mine")])[0][1]


def test_of_several_objects_the_one_that_differs_is_named():
    reason = why([unit(SEAL, "CREATE …", EVENTS)], [there(), there(EVENTS, was="other")])[0][1]
    assert reason.startswith("events: ")


def test_replacing_a_function_takes_back_what_was_granted():
    [change] = unit_changes([unit()], [there(was="other")])
    revoke, text = change.sql.split(";\n")
    assert revoke.startswith("REVOKE ALL ON FUNCTION audit.seal() FROM PUBLIC, ")
    assert '"pgaudit_kit_owner"' not in revoke
    assert text == change.unit_sql == "CREATE …"
    assert unit_changes([unit()], [])[0].sql == "CREATE …"


def test_a_trigger_makes_the_writers_of_its_table_wait_and_a_function_nobody():
    assert unit_changes([unit(ROW)], [])[0].blocks == (QualifiedName("public", "doc"),)
    assert unit_changes([unit()], [])[0].blocks == ()


def test_triggers_go_before_the_functions_that_they_call():
    installed = [there(ObjectId("function", "tg_capture_1")), there(EVENTS), there(ROW)]
    changes = drop_changes(installed, frozenset(), "audit")
    assert [change.kind for change in changes] == ["trigger", "view", "function"]
    assert [change.as_owner for change in changes] == [False, True, True]


def test_what_others_made_stays():
    theirs = there(ObjectId("function", "theirs"), comment="ours")
    assert drop_changes([theirs], frozenset(), "audit") == []
    assert len(drop_changes([theirs], frozenset(), "audit", own={theirs.id})) == 1


def test_a_namesake_of_what_is_wanted_goes():
    namesake = InstalledObject(id=SEAL, definition="other", comment=None, target="audit.seal(text)")
    [change] = drop_changes([there(), namesake], {SEAL}, "audit")
    assert change.sql == "DROP FUNCTION IF EXISTS audit.seal(text);\n"
    assert unit_changes([unit()], [there(), namesake]) == unit_changes([unit()], [namesake, there()]) == []


def test_a_plan_counts_what_it_does():
    changes = [Change(op=op, kind="view", target="v", why="", sql="") for op in ("create", "create", "drop")]
    plan = Plan(changes=tuple(changes))
    assert (plan.summary, plan.done) == ("2 to create, 1 to drop", "2 created, 1 dropped")
    assert plan and not Plan()
    assert Plan().summary == "nothing to do"


def test_a_line_break_in_a_name_does_not_end_a_comment_of_the_script():
    change = Change(
        op="drop", kind="view", target="v\r\nDROP TABLE a;", why="of\nDROP TABLE b;", sql="SELECT 1;\n"
    )
    lines = script("audit", Plan(changes=(change,))).splitlines()
    assert [line for line in lines if "DROP" in line] == ["-- drop view v DROP TABLE a;: of DROP TABLE b;"]


def test_a_script_says_who_does_what():
    steps = [
        Change(op="create", kind=kind, target=kind, why="new", sql=f"{kind};\n", as_owner=as_owner)
        for kind, as_owner in (("role", False), ("view", True), ("function", True), ("trigger", False))
    ]
    words = [
        line for line in script("audit", Plan(changes=tuple(steps))).splitlines() if line and line[0] != "-"
    ]
    owner = 'SET LOCAL ROLE "pgaudit_kit_owner";'
    assert words == [
        "BEGIN;",
        "SET LOCAL search_path = pg_catalog, pg_temp;",
        "SET LOCAL lock_timeout = '2s';",
        "role;",
        owner,
        "view;",
        "function;",
        "RESET ROLE;",
        "trigger;",
        "RESET ROLE;",
        "COMMIT;",
    ]
