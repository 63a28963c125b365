"""What names of tables and columns make `init` propose."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from pgaudit_kit import config
from pgaudit_kit.cli.first_config import first_config
from pgaudit_kit.model import Column, ForeignKey, Table
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.proposal import LeftOut, Proposal, Proposed, propose
from pgaudit_kit.timeouts import Timeouts


def table(name: str, *columns: str, key: tuple[str, ...] = ("id",), persistence: str = "p") -> Table:
    """A table whose columns are written `name type`; text where no type is."""
    made = []
    for number, text in enumerate(columns, 1):
        column, _, type_name = text.partition(" ")
        made.append(
            Column(
                attnum=number,
                name=column,
                type_name=type_name or "text",
                base_type=25,
                kind="plain",
                deterministic=True,
                size="small",
                generated="",
            )
        )
    return Table(
        oid=abs(hash(name)),
        name=QualifiedName("public", name),
        kind="r",
        persistence=persistence,
        fingerprint="",
        columns=tuple(made),
        primary_key=key,
        partitions=(),
    )


def only(*tables: Table) -> Proposed:
    return propose(tables).tables[0]


@pytest.mark.parametrize(
    ("columns", "tenant"),
    [
        (["id", "tenant_id uuid"], "tenant_id"),
        (["id", "tenant"], "tenant"),
        (["id", "org_id bigint", "customer_id"], "org_id"),
        (["id", "customer_id", "org_id bigint"], "org_id"),
        (["id", "organizationId"], "organizationId"),
        (["id", "ACCOUNT_ID"], "ACCOUNT_ID"),
        (["id", "workspace_id"], "workspace_id"),
        (["id", "tenant_name"], None),
        (["id", "subtenant_id"], None),
        (["id", "body"], None),
    ],
)
def test_tenant(columns: list[str], tenant: str | None):
    assert only(table("t", *columns)).tenant == tenant


def test_a_table_without_a_tenant_finds_it_by_its_foreign_key():
    key = ForeignKey(("doc_id",), QualifiedName("public", "doc"), ("id",))
    line = ForeignKey(("line_id",), QualifiedName("public", "line"), ("id",))
    found = propose(
        [
            replace(table("note", "id", "line_id"), foreign_keys=(line,)),
            replace(table("line", "id", "doc_id"), foreign_keys=(key,)),
            replace(table("own", "id", "doc_id", "tenant_id"), foreign_keys=(key,)),
            replace(table("two", "id", "doc_id", "line_id"), foreign_keys=(key, line)),
            table("doc", "id", "tenant_id"),
        ]
    ).tables
    assert [item.via for item in found] == [
        "line_id -> public.line", "doc_id -> public.doc.tenant_id", None, None, None,
    ]  # fmt: skip


def test_the_table_of_tenants_is_told_by_its_key():
    first = propose([table("tenants", "id", "title"), table("doc", "id", "tenant_id")]).tables[0]
    assert first.tenant == "id"


@pytest.mark.parametrize(
    "column",
    [
        "email",
        "author_email",
        "e_mail",
        "homeEmail",
        "phone",
        "phone bigint",
        "mobile_number",
        "first_name",
        "lastName",
        "display_name",
        "address",
        "ip_address",
        "client inet",
        "birth_date date",
        "date_of_birth date",
        "dob date",
        "ssn",
        "iban",
        "postal_code",
        "zip",
        "user_agent",
    ],
)
def test_personal(column: str):
    assert only(table("t", "id", column)).personal == (column.partition(" ")[0],)


@pytest.mark.parametrize(
    "column",
    [
        "email_verified boolean",
        "email_sent_at timestamp with time zone",
        "address_id",
        "email_count integer",
        "title",
        "name",
        "zipped",
        "ship",
        "recipe",
        "filename",
        "description",
    ],
)
def test_not_personal(column: str):
    assert only(table("t", "id", column)).personal == ()


@pytest.mark.parametrize("name", ["users", "customers", "app_users", "Person", "people", "staff"])
def test_a_name_is_personal_where_people_are(name: str):
    assert only(table(name, "id", "name")).personal == ("name",)


def test_a_personal_key_is_a_note():
    found = only(table("t", "email", "phone", key=("email",)))
    assert found.personal == ("phone",)
    assert "email" in found.notes[0]


def test_a_search_vector_is_excluded():
    assert only(table("t", "id", "search tsvector")).exclude == ("search",)


def test_the_subject_is_a_column_or_the_key_of_people():
    assert only(table("orders", "id", "user_id", "email")).subject == "user_id"
    assert only(table("users", "id", "email")).subject == "id"
    assert only(table("orders", "id", "email")).subject is None


def test_what_is_left_out_and_why():
    tables = [table("log", "a", key=()), table("alembic_version", "id"), table("theirs", "id")]
    found = propose(tables, {tables[2].oid: "bob"}).left_out
    assert [(item.name.name, item.needs_key) for item in found] == [
        ("log", True),
        ("alembic_version", False),
        ("theirs", False),
    ]
    assert "bob" in found[2].reason


def test_an_unlogged_table_is_noted():
    assert "unlogged" in only(table("t", "id", persistence="u")).notes[0]


HOSTILE = ['"', "a'b", "x\ny", "# c", "ü", "a]b", "\\", "tab\t", "\x7f", "{}"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_written_so_that_it_is_read_back(name: str):
    proposal = Proposal(
        tables=(
            Proposed(
                name=QualifiedName(name, name),
                tenant=name,
                personal=(f"{name}1",),
                exclude=(f"{name}2",),
                subject=name,
                notes=(f"Its key looks personal ({name}).",),
            ),
        ),
        left_out=(LeftOut(name=QualifiedName("s", name), reason=f"It belongs to {name}.", needs_key=True),),
    )
    read = config.parse(first_config(proposal, schema="audit", database=name))
    only_table = read.tables[0]
    assert (only_table.table, only_table.tenant and only_table.tenant.column) == (
        QualifiedName(name, name),
        name,
    )
    assert (only_table.personal, only_table.exclude) == ((f"{name}1",), (f"{name}2",))
    assert len(read.tables) == 1


def test_without_tables_the_file_says_the_defaults():
    text = first_config(Proposal(tables=(), left_out=()), schema="audit", database="d")
    assert config.parse(text) == config.Config()
    written = tomllib.loads(text)
    assert set(written) == {"schema", "timeouts", "partitions", "context"}


def test_every_option_is_named():
    text = first_config(Proposal(tables=(), left_out=()), schema="audit", database="d")
    for struct in (
        config.Config, Timeouts, config.Partitions, config.Context, config.Signing, config.TableConfig
    ):  # fmt: skip
        for field in struct.__struct_fields__:
            assert field in text
    for field in ("setting =", "value =", "column ="):
        assert field in text


def test_what_is_commented_out_may_be_uncommented():
    text = first_config(Proposal(tables=(), left_out=()), schema="audit", database="d")
    start = text.index("# [actions]")
    lines = [line.removeprefix("# ") for line in text[start:].splitlines() if " = " in line or "[" in line]
    read = config.parse("\n".join(lines))
    assert read.actions == {"publish": ("update",), "archive": ("update", "delete")}
    assert read.tables[0].operations == config.OPERATIONS
