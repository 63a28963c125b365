"""Plans, without a database."""

from __future__ import annotations

from typing import Literal

from pgaudit_kit.plan import Change, Plan


def step(op: Literal["create", "replace", "change", "drop"]) -> Change:
    return Change(op=op, kind="function", target="f", why="new", sql="SELECT 1;")


def test_a_plan_says_what_there_is_to_do_and_then_what_was_done() -> None:
    plan = Plan(changes=(step("drop"), step("create"), step("change"), step("create"), step("replace")))
    assert plan.summary == "2 to create, 1 to replace, 1 to change, 1 to drop"
    assert plan.done == "2 created, 1 replaced, 1 changed, 1 dropped"


def test_an_empty_plan_says_so() -> None:
    assert (Plan().summary, Plan().done) == ("nothing to do", "nothing")
