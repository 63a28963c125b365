"""What a first configuration could say, guessed from the names in a database; people look it over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from psycopg.rows import dict_row

from pgaudit_kit.catalog import read_tables
from pgaudit_kit.db import Connection
from pgaudit_kit.model import Column, ForeignKey, Table
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.render import Templates
from pgaudit_kit.render.types import EXACT

TENANTS = (
    "tenant_id", "tenant", "tenant_uuid", "tenant_key", "org_id", "organization_id", "organisation_id", "org",
    "organization", "organisation", "account_id", "workspace_id", "company_id", "customer_id", "client_id",
    "team_id", "shop_id", "site_id",
)  # fmt: skip
"""Names of columns that tell tenants apart, the likeliest first."""
SUBJECTS = (
    "user_id",
    "person_id",
    "customer_id",
    "contact_id",
    "member_id",
    "author_id",
    "employee_id",
    "patient_id",
)
PEOPLE = {
    "user", "person", "people", "customer", "contact", "member", "author", "employee", "patient", "client",
    "subscriber", "lead", "guest", "student", "teacher", "applicant", "candidate", "staff", "profile",
}  # fmt: skip
"""What tables of people are called, in the singular."""
BOOKKEEPING = {
    "alembic_version", "schema_migrations", "ar_internal_metadata", "flyway_schema_history",
    "django_migrations", "databasechangelog", "databasechangeloglock", "knex_migrations",
    "knex_migrations_lock", "_prisma_migrations", "goose_db_version", "spatial_ref_sys",
}  # fmt: skip

_PERSONAL_WORDS = {
    "email", "mail", "phone", "mobile", "telephone", "fax", "address", "street", "zip", "zipcode", "postcode",
    "birth", "birthday", "birthdate", "birthplace", "dob", "ssn", "passport", "iban", "surname", "firstname",
    "lastname", "fullname", "nickname", "username", "ip", "gender", "latitude", "longitude",
}  # fmt: skip
_PERSONAL_PAIRS = {
    "first_name", "last_name", "full_name", "given_name", "family_name", "middle_name", "maiden_name",
    "display_name", "user_name", "contact_name", "customer_name", "author_name", "postal_code", "credit_card",
    "card_number", "national_id", "tax_id", "social_security", "user_agent", "e_mail", "bank_account",
}  # fmt: skip
_NEVER = ("boolean", "timestamp", "time ", "interval")
"""Types that tell when or whether, as in email_verified: not the personal value itself."""
_NUMBERS = ("integer", "bigint", "smallint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A table to audit, and what its columns look like."""

    name: QualifiedName
    tenant: str | None = None
    via: str | None = None
    """The foreign key by which it finds its tenant, where no column looks like it."""
    personal: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    subject: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A table that is not proposed, and why."""

    name: QualifiedName
    reason: str
    needs_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Everything that was found."""

    tables: tuple[Proposed, ...]
    left_out: tuple[LeftOut, ...]


def read_proposal(conn: Connection, templates: Templates) -> Proposal:
    """Look at the tables of the database."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(templates.render("queries/init/candidates.sql").encode()).fetchall()
    tables = read_tables(conn, templates, oids=[row["oid"] for row in rows])
    foreign = {row["oid"]: row["owner"] for row in rows if not row["ours"]}
    return propose(tables, foreign)


def propose(tables: Iterable[Table], foreign: dict[int, str] | None = None) -> Proposal:
    """Judge the tables by the names and types of their columns; `foreign` names owners that are not ours."""
    proposed, left_out = [], []
    usable = []
    for table in tables:
        reason = _reason_against(table, (foreign or {}).get(table.oid))
        if reason is None:
            usable.append(table)
        else:
            left_out.append(LeftOut(name=table.name, reason=reason, needs_key=not table.primary_key))
    columns = Counter(name for table in usable if (name := _tenant_column(table)))
    usual = columns.most_common(1)[0][0] if columns else None
    for table in usable:
        proposed.append(_proposed(table, usual))
    return Proposal(tables=_with_references(proposed, usable), left_out=tuple(left_out))


def _with_references(proposed: list[Proposed], tables: list[Table]) -> tuple[Proposed, ...]:
    """Tables without a tenant of their own find it by a foreign key, where just one could tell it."""
    known = {table.name: table for table in tables}
    keys = {
        table.name: [key for key in table.foreign_keys if _may_tell(known, table, key)] for table in tables
    }
    own = {item.name: item.tenant for item in proposed if item.tenant is not None}
    telling = set(own)
    while more := {name for name in keys if {key.table for key in keys[name]} & telling} - telling:
        telling |= more
    chosen = {
        name: found[0]
        for name in keys
        if name not in own and len(found := [key for key in keys[name] if key.table in telling]) == 1
    }
    while unfit := {name for name, key in chosen.items() if key.table not in own and key.table not in chosen}:
        chosen = {name: key for name, key in chosen.items() if name not in unfit}
    return tuple(
        replace(item, via=_reference(chosen[item.name], own)) if item.name in chosen else item
        for item in proposed
    )


def _may_tell(known: dict[QualifiedName, Table], table: Table, key: ForeignKey) -> bool:
    """Whether a tenant may be found by this foreign key."""
    lender = known.get(key.table)
    if lender is None or lender is table or len(key.columns) != 1 or key.targets != lender.primary_key:
        return False
    one, other = table.column(key.columns[0]), lender.column(key.targets[0])
    return one is not None and other is not None and one.base_type == other.base_type in EXACT


def _reference(key: ForeignKey, own: dict[QualifiedName, str]) -> str:
    column = f".{Ident(own[key.table]).display}" if key.table in own else ""
    return f"{Ident(key.columns[0]).display} -> {key.table.display}{column}"


def _reason_against(table: Table, owner: str | None) -> str | None:
    if owner is not None:
        return f"It belongs to {owner}, for whom this role does not act."
    if table.name.name.lower() in BOOKKEEPING:
        return "The bookkeeping of a tool; its changes are seldom of interest."
    if not table.primary_key:
        return "It has no primary key: add one, or name the columns that identify a row."
    return None


def _proposed(table: Table, usual: str | None) -> Proposed:
    tenant = _tenant_column(table) or _own_tenant(table, usual)
    kept = [column.name for column in table.columns if _is_personal(column, table)]
    personal = tuple(name for name in kept if name not in (*table.primary_key, tenant))
    notes = []
    if table.persistence == "u":
        notes.append("It is unlogged: a crash empties it without an event.")
    if keys := [name for name in kept if name in table.primary_key]:
        notes.append(f"Its key looks personal ({', '.join(keys)}); in personal it would be kept as a digest.")
    return Proposed(
        name=table.name,
        tenant=tenant,
        personal=personal,
        exclude=tuple(c.name for c in table.columns if c.type_name == "tsvector" and c.name not in personal),
        subject=_subject(table) if personal else None,
        notes=tuple(notes),
    )


def _tenant_column(table: Table) -> str | None:
    seen = (column for column in reversed(table.columns) if column.generated != "v")  # as triggers see it
    by_name = {"_".join(_words(column.name)): column.name for column in seen}
    return next((by_name[name] for name in TENANTS if name in by_name), None)


def _own_tenant(table: Table, usual: str | None) -> str | None:
    """The key of the table of tenants itself: `tenants.id` where others say `tenant_id`."""
    if usual is None or len(table.primary_key) != 1:
        return None
    stem = _words(usual)[0]
    is_it = _singular(table.name.name) == stem
    return table.primary_key[0] if is_it else None


def _subject(table: Table) -> str | None:
    by_name = {"_".join(_words(column.name)): column.name for column in table.columns}
    found = next((by_name[name] for name in SUBJECTS if name in by_name), None)
    if found is None and _singular(table.name.name) in PEOPLE and len(table.primary_key) == 1:
        return table.primary_key[0]
    return found


def _is_personal(column: Column, table: Table) -> bool:
    words = _words(column.name)
    pairs = {"_".join(pair) for pair in pairwise(words)}
    type_name = column.type_name
    if type_name.startswith(("inet", "cidr")):
        return True
    if type_name.startswith(_NEVER) or (words[-1:] == ["id"] and not pairs & _PERSONAL_PAIRS):
        return False
    if type_name.startswith(_NUMBERS):
        return bool(set(words) & {"phone", "mobile", "ssn", "dob"})
    if words == ["name"]:
        return _singular(table.name.name) in PEOPLE
    return bool(set(words) & _PERSONAL_WORDS or pairs & _PERSONAL_PAIRS)


def _words(name: str) -> list[str]:
    """`homeAddress2` and `home_address_2` are the same words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[^a-z]+", apart.lower()) if word]


def _singular(name: str) -> str:
    word = (_words(name) or [""])[-1]
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
