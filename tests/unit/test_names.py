"""Names quote themselves, parse as SQL does, and never slip into a string unquoted."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit.errors import UsageError
from pgaudit_kit.names import (
    MAX_BYTES,
    Ident,
    Literal,
    QualifiedName,
    context_setting,
    event_trigger_name,
    trigger_name,
)

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
).filter(lambda text: len(text.encode()) <= MAX_BYTES)


def test_identifier_doubles_quotes():
    assert Ident('we"ird').sql == '"we""ird"'


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "ü" * 32])
def test_identifier_that_postgresql_cannot_keep_is_refused(name: str):
    with pytest.raises(UsageError):
        Ident(name)


def test_identifier_of_63_bytes_is_accepted():
    assert Ident("ü" * 31 + "x").sql == '"' + "ü" * 31 + 'x"'


@pytest.mark.parametrize("value", [Ident("a"), QualifiedName("a", "b"), Literal("a")])
def test_no_name_becomes_a_string_by_itself(value: object):
    with pytest.raises(TypeError, match=r"\.sql"):
        f"{value}"


@pytest.mark.parametrize(
    ("text", "schema", "name"),
    [
        ("public.doc", "public", "doc"),
        ("Public.DOC", "public", "doc"),
        ('"My Schema"."T"', "My Schema", "T"),
        (' public . "T" ', "public", "T"),
        ('"a""b"."c.d"', 'a"b', "c.d"),
        ("straße.ÄÖ", "straße", "ÄÖ"),
        ("s._t$1", "s", "_t$1"),
        ('"a\nb".select', "a\nb", "select"),
    ],
)
def test_table_names_parse_as_sql_does(text: str, schema: str, name: str):
    assert QualifiedName.parse(text) == QualifiedName(schema, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a.b.c",
        "a b",
        'a."b',
        'a.b"',
        '"".a',
        "1a.b",
        "a.b;",
        "a-b.c",
        "a.b -- c",
    ],
)
def test_bad_table_names_are_usage_errors(text: str):
    with pytest.raises(UsageError):
        QualifiedName.parse(text)


def test_table_without_schema_is_told_how_to_write_it():
    with pytest.raises(UsageError) as caught:
        QualifiedName.parse("Doc")
    assert "public.doc" in str(caught.value.hint)


@given(names, names)
def test_displayed_name_parses_back(schema: str, name: str):
    table = QualifiedName(schema, name)
    assert QualifiedName.parse(table.display) == table
    assert QualifiedName.parse(table.sql) == table


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        ("a", "'a'"),
        ("it's", "'it''s'"),
        ("a\\'", "E'a\\\\'''"),
        ("é", "'é'"),
        (None, "NULL"),
        (7, "7"),
        (True, "true"),
        (["a", "b"], "'{a,b}'"),
        ([], "'{}'"),
        (("x,y", "z"), "'{\"x,y\",z}'"),
    ],
)
def test_literals_quote_themselves(value, sql: str):
    assert Literal(value).sql == sql


@pytest.mark.parametrize("value", ["a\0", ["b", "a\0"]])
def test_literal_with_nul_is_refused(value):
    with pytest.raises(UsageError):
        _ = Literal(value).sql


def test_context_setting_needs_no_quotes():
    assert context_setting("audit") == "pgaudit_kit.context_audit"
    digest = sha256(b"My Audit").hexdigest()[:16]
    assert context_setting("My Audit") == f"pgaudit_kit.context_x{digest}"
    assert context_setting("a" * 32) != context_setting("a" * 31 + "b")


def test_trigger_names_tell_installations_apart():
    assert trigger_name("audit", "row") == "00_pgaudit_kit_audit_row"
    assert event_trigger_name("audit", "ddl") == "pgaudit_kit_audit_ddl"


@given(names, names)
def test_trigger_names_fit_and_differ(one: str, other: str):
    mine, theirs = trigger_name(one * 3, "truncate"), trigger_name(other * 3, "truncate")
    assert len(mine.encode()) <= MAX_BYTES
    assert (mine == theirs) == (one == other)
