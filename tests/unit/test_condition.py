"""Conditions are read strictly: one expression, and NEW and OLD in it told from everything else."""

from __future__ import annotations

import pytest

from pgaudit_kit.condition import BadCondition, Condition, Conditions

READABLE = [
    ("NEW.status <> 'draft'", "OLD.status <> 'draft'"),
    ("new . status = 'NEW.status'", "OLD . status = 'NEW.status'"),
    ("NEW.\"NEW\" AND \"new\".old = 'it''s NEW.x'", "OLD.\"NEW\" AND OLD.old = 'it''s NEW.x'"),
    ("(NEW.a)::int > 1 AND NEW.tags[1] = ANY ('{a,b}')", "(OLD.a)::int > 1 AND OLD.tags[1] = ANY ('{a,b}')"),
    ("NEW.j ->> 'k' IS NULL OR NEW.j ? 'x'", "OLD.j ->> 'k' IS NULL OR OLD.j ? 'x'"),
    ("NEW.ünï > 1.5e-3 AND NEW.newest < - 1", "OLD.ünï > 1.5e-3 AND OLD.newest < - 1"),
    ("NEW.\"a;b\" = '; DROP TABLE x; --'", "OLD.\"a;b\" = '; DROP TABLE x; --'"),
]


@pytest.mark.parametrize(("text", "of_old"), READABLE)
def test_a_condition_over_one_image_is_asked_of_the_other(text: str, of_old: str) -> None:
    assert Condition(text).about("OLD") == of_old


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "true", "status = 'x'", "'NEW.a'", "x.NEW = 1",
        "NEW IS NULL", "(NEW).a", "NEW.*", "NEW", "NEW.", "NEW.'a'",
        "NEW.a; DROP TABLE x", "NEW.a) OR (true", "(NEW.a", "NEW.a]", "NEW.a = ANY ('{}'",
        "NEW.a -- comment", "NEW.a /* comment */ = 1", "NEW.a=1--1",
        "NEW.a = E'\\''", "NEW.a = e'x'", "NEW.a = U&'x'", 'NEW.U&"x"', "NEW.a = $$x$$", "NEW.a = $1",
        "NEW.a = 'open", 'NEW."open', "NEW.a = \\x", "NEW.a = {1}", "NEW.a\0", "NEW.a" + " " * 2000,
        "NEW.a = B'1'", "NEW.a = N'x'", "NEW.a = `x`",
    ],
)  # fmt: skip
def test_what_cannot_be_taken_apart_with_certainty_is_refused(text: str) -> None:
    with pytest.raises(BadCondition):
        Condition(text)


def test_one_text_serves_what_it_can() -> None:
    both = Conditions.one("NEW.a IS DISTINCT FROM OLD.a")
    assert (both.insert, both.delete, both.crosses) == (None, None, False)
    assert both.when("update") == [("update", "(NEW.a IS DISTINCT FROM OLD.a) IS NOT FALSE")]
    row = Conditions.one("OLD.a > 0")
    assert row.when("insert") == [("insert", "(NEW.a > 0) IS NOT FALSE")]
    assert row.when("delete") == [("delete", "(OLD.a > 0) IS NOT FALSE")]
    assert [kind for kind, _ in row.when("update")] == ["update", "enters", "leaves"]


def test_an_operation_is_not_asked_for_the_image_that_it_lacks() -> None:
    for texts in (("OLD.a", None, None), (None, None, "NEW.a"), ("NEW.a = OLD.a", None, None)):
        with pytest.raises(BadCondition, match="has no"):
            Conditions.each(*texts)
    assert not Conditions.each(None, None, None)
