"""Checks of what is around: the server, the role, other transactions."""

from __future__ import annotations

from dataclasses import dataclass

from pgaudit_kit.db import MIN_SERVER_VERSION
from pgaudit_kit.doctor.model import Finding, Row, check, duration, fail, ok, warn
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.errors import UnsupportedEncoding, UnsupportedServer

OLD_S = 3_600
"""An open transaction holds nothing up, but it keeps a seal's horizon, and vacuum, back."""
OLD_PREPARED_S = 600


@check("server", fine="", read=lambda source: source.server)
def server(facts: Row) -> list[Finding]:
    """Version of the server, and whether it is a standby."""
    said = f"PostgreSQL {facts['version']}"
    if facts["version_num"] < MIN_SERVER_VERSION:
        return [fail(f"{said} is too old: 14 is the oldest that works.", UnsupportedServer.hint)]
    return [ok(f"{said}{', a standby: sealing happens on the primary' if facts['in_recovery'] else ''}")]


@check("encoding", fine="", read=lambda source: source.server["encoding"])
def encoding(facts: str) -> list[Finding]:
    """Encoding of the database."""
    if facts == "SQL_ASCII":
        return [
            fail(
                "The database is in SQL_ASCII, which does not say what its bytes mean.",
                UnsupportedEncoding.hint,
            )
        ]
    return [ok(facts)]


@check("wal-level", fine="", read=lambda source: source.server["wal_level"])
def wal_level(facts: str) -> list[Finding]:
    """For information: what logical decoding would need."""
    return [ok(f"{facts}{'' if facts == 'logical' else ' (logical decoding needs logical)'}")]


@check("extensions", fine="", read=lambda source: source.rows("doctor/extensions"))
def extensions(facts: list[Row]) -> list[Finding]:
    """For information: extensions that the kit works with."""
    return [ok(", ".join(_extension(row) for row in facts))]


def _extension(row: Row) -> str:
    if row["version"]:
        return f"{row['name']} {row['version']}"
    if row["offered"]:
        return f"{row['name']} {row['offered']} (offered, not created here)"
    return f"{row['name']} not available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Privileges:
    """What the current role may do."""

    role: Row
    owner: str
    others: list[Row]


def _read_privileges(source: Source) -> Privileges:
    role = source.privileges
    others = source.rows("doctor/others_tables") if role["acts_for_owner"] or role["superuser"] else []
    return Privileges(role=role, owner=source.templates.roles.owner, others=others)


@check("privileges", fine="this role may do all that the kit needs", read=_read_privileges)
def privileges(facts: Privileges) -> list[Finding]:
    """What the current role lacks for the kit's work."""
    role, owner = facts.role, facts.owner
    name = role["role"]
    if not role["acts_for_owner"]:
        hint = f'GRANT {owner} TO "{name}";'
        if role["member_of_owner"]:
            hint = f"It is a member that does not inherit: ALTER ROLE … INHERIT, or SET ROLE {owner}."
        return [
            fail(f"{name} does not act for {owner}: it can neither see nor keep up the installation.", hint)
        ]
    findings = []
    for key, what in (("may_create_roles", "CREATEROLE"), ("may_create_schemas", "CREATE on the database")):
        if not role[key]:
            findings.append(warn(f"{name} lacks {what}, which installing and upgrading may need."))
    return findings + [
        warn(
            f"{name} does not act for {row['owner']}, the owner of {row['relation']}.",
            f'GRANT {row["owner"]} TO "{name}";',
        )
        for row in facts.others
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """Transactions that have been open for a minute or more."""

    rows: list[Row]
    sees_all: bool


def _read_transactions(source: Source) -> Transactions:
    return Transactions(
        rows=source.rows("doctor/transactions"), sees_all=source.privileges["sees_all_sessions"]
    )


@check("transactions", fine="no transaction has been open for long", read=_read_transactions)
def transactions(facts: Transactions) -> list[Finding]:
    """Transactions that have been open for long: their events are sealed only when they end."""
    hint = "Their events are sealed when they commit; end the session, or find out what it waits for."
    findings = [
        warn(
            f"{row['what']}: a transaction has been open for {duration(row['age_s'])} ({row['state']}).", hint
        )
        for row in facts.rows
        if row["kind"] == "open" and row["age_s"] > OLD_S
    ]
    if not findings and not facts.sees_all:
        return [ok("none of this role's own is old; seeing others needs pg_read_all_stats")]
    return findings


@check("prepared-transactions", fine="no prepared transaction is waiting for long", read=_read_transactions)
def prepared(facts: Transactions) -> list[Finding]:
    """Prepared transactions that somebody forgot."""
    return [
        warn(
            f"{row['what']}: prepared {duration(row['age_s'])} ago, and neither committed nor rolled back.",
            "COMMIT PREPARED or ROLLBACK PREPARED.",
        )
        for row in facts.rows
        if row["kind"] == "prepared" and row["age_s"] > OLD_PREPARED_S
    ]
