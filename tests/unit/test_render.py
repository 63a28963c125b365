"""The template engine and the units: what they refuse, and that headers are true."""

from __future__ import annotations

import re

import pytest

from pgaudit_kit import resources
from pgaudit_kit.names import Ident, Literal, QualifiedName, stored_tenant
from pgaudit_kit.render import Roles, Templates, kit_units
from pgaudit_kit.render.templates import Sql, _environment, dollar_quote, strip_header, text_array
from pgaudit_kit.render.units import FOLDERS
from tests.servers import Database

HEADER = re.compile(
    r"\A(-- object:   (function|view|policy|trigger|event trigger|table|tables|types|roles|schema|row level"
    r"|\(query\)|\(snippet\))[^\n]*\n)+(-- requires:( [^\n]+)?\n)?-- purpose:  [^\n]+\n"
)


@pytest.mark.parametrize("value", ["text", 1, None, True, 1.5, ["a"], b"x"])
def test_a_template_prints_nothing_that_does_not_quote_itself(value: object):
    with pytest.raises(TypeError, match="may print identifiers and literals"):
        _environment().from_string("SELECT {{ value }}").render(value=value)


def test_a_template_prints_what_quotes_itself():
    values = [Ident('a"b'), QualifiedName("a", "b"), Literal("it's"), Sql("now()")]
    text = _environment().from_string("{% for v in values %}{{ v }} {% endfor %}").render(values=values)
    assert text == """"a""b" "a"."b" 'it''s' now() """


def test_an_unknown_name_is_an_error():
    with pytest.raises(TypeError, match="Undefined"):
        Templates("audit").render_text("{{ absent }}")


def test_a_dollar_quote_does_not_occur_in_what_it_quotes():
    assert dollar_quote("BEGIN END") == "$pgaudit_kit$"
    body = "a $pgaudit_kit$ b $pgaudit_kit1$ c"
    assert dollar_quote(body) not in body


def test_an_array_of_texts_quotes_each():
    assert text_array(["a", "b'c", 'd"e', "f,g", "{}"]).sql.endswith("::text[]")
    assert "b''c" in text_array(["b'c"]).sql
    assert text_array([]).sql == "'{}'::text[]"


def test_a_header_is_taken_off_and_nothing_else():
    assert (
        strip_header("-- object: x\n-- purpose: y\nSELECT 1; -- why\n-- more\n")
        == "SELECT 1; -- why\n-- more\n"
    )


FILES = [
    path
    for folder in (*FOLDERS, "tables", "roles", "schema", "queries")
    for path in resources.sql_paths(folder)
]


@pytest.mark.parametrize("path", FILES)
def test_every_file_says_what_it_makes_and_why(path: str):
    assert HEADER.match(resources.sql_text(path)), resources.sql_text(path)[:300]


def test_every_required_file_is_there():
    known = set(resources.sql_paths())
    for path in known:
        match = re.search(r"^-- requires:[ \t]+(\S.*)$", resources.sql_text(path), re.MULTILINE)
        assert set(re.split(r",\s*", match[1].strip()) if match else []) <= known, path


def test_every_function_view_and_policy_that_a_file_makes_stands_in_its_header():
    made = re.compile(
        r"CREATE (?:OR REPLACE )?(FUNCTION|VIEW|TRIGGER) (?:\"audit\"\.)?\"?(\w+)|CREATE (POLICY) (\w+)"
    )
    for unit in kit_units(Templates("audit"), event_triggers=False):
        without_bodies = re.sub(r"\$\w*\$.*?\$\w*\$", "", unit.sql, flags=re.DOTALL)
        found = {
            ((kind or policy).lower(), name or policy_name)
            for kind, name, policy, policy_name in made.findall(without_bodies)
        }
        assert found == {(item.kind, item.name) for item in unit.objects}, unit.path


def test_a_unit_comes_after_what_it_requires():
    units = [unit.path for unit in kit_units(Templates("audit"), event_triggers=True)]
    assert len(units) == len(set(units))
    for position, path in enumerate(units):
        if path.startswith("triggers/"):
            continue
        match = re.search(r"^-- requires:[ \t]+(\S.*)$", resources.sql_text(path), re.MULTILINE)
        wanted = re.split(r",\s*", match[1].strip()) if match else []
        assert all(units.index(name) < position for name in wanted if name in units), path


def test_the_same_schema_gives_the_same_text_and_another_gives_another():
    first, again, other = (
        [unit.sql for unit in kit_units(Templates(schema), event_triggers=True)]
        for schema in ("audit", "audit", "other")
    )
    assert first == again
    assert not any('"audit"' in text for text in other)


def test_the_roles_are_all_there():
    assert Roles().all()[0] == "pgaudit_kit_owner"
    assert len(set(Roles().all())) == 8


TENANTS = [
    None, "", "acme", "_system", "__x", "default", "Zürich", "a" * 200, "a" * 201, "ü" * 100, "ü" * 101,
    "_" * 200, "'\"\\",
]  # fmt: skip


@pytest.mark.any_server
def test_python_and_sql_store_a_tenant_under_the_same_name(kit_db: Database):
    rows = kit_db.execute("SELECT audit.stored_tenant(t) FROM unnest(%s::text[]) AS t", [TENANTS]).fetchall()
    assert [name for (name,) in rows] == [stored_tenant(tenant) for tenant in TENANTS]
