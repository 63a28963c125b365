"""Checks of what keeps: guards of the log, grants, partitions, sealing."""

from __future__ import annotations

from dataclasses import dataclass

from pgaudit_kit.doctor.capture import APPLY
from pgaudit_kit.doctor.model import Finding, Row, check, counted, duration, fail, ok, warn
from pgaudit_kit.doctor.source import DEFAULT_LIMIT, UNSEALED_LIMIT, Sealing, Source
from pgaudit_kit.render import Roles

RUN = "Keep `pgaudit-kit run` going, for example as a systemd unit: `pgaudit-kit run --systemd-unit`."
STAMP = "`pgaudit-kit run` mends a partition at its next maintenance."
LOG = ("change_events", "personal_values", "personal_keys", "blocks")
"""Tables that are append-only."""
NOT_GUARDED = ("alembic_version",)
"""The migrations' bookkeeping tells nothing about anybody."""
READ_BY_VIEWS = {
    *LOG, "chain_heads", "audited_tables", "table_versions", "tenant_readers", "checkpoints",
}  # fmt: skip
LAG_WARN_S, LAG_FAIL_S = 15, 120
HEARTBEAT_S = 120
"""An idle seal writes a record a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """The kit's tables with what guards them."""

    owner: str
    tables: list[Row]


@check(
    "guards",
    fine="row security, owner and append-only guards are on every table and partition of the log",
    read=lambda source: Guards(owner=source.templates.roles.owner, tables=source.rows("doctor/guards")),
)
def guards(facts: Guards) -> list[Finding]:
    """Row security and append-only guards of every table and partition."""
    findings = []
    for table in facts.tables:
        if table["name"] in NOT_GUARDED:
            continue
        problems = _problems(table, facts.owner)
        if problems:
            hint = STAMP if table["parent"] else APPLY
            if problems[0].startswith("owned"):
                hint = f"ALTER TABLE … OWNER TO {facts.owner}; then: {hint}"
            findings.append(fail(f"{table['name']}: {', '.join(problems)}.", hint))
    return findings


def _problems(table: Row, owner: str) -> list[str]:
    problems = []
    if table["owner"].strip('"') != owner:
        problems.append(f"owned by {table['owner']} instead of {owner}")
    if not table["row_security"]:
        problems.append("row security is not enabled and forced")
    if table["parent"] and table["policies"] != table["parent_policies"]:
        problems.append("its policies differ from its parent's")
    if table["root"] in LOG:
        guards = (("UPDATE and DELETE", "row_guard"), ("TRUNCATE", "truncate_guard"))
        problems += [
            f"the guard against {what} is not ALWAYS on" for what, key in guards if table[key] != "A"
        ]
    return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Rights on the kit's objects that others than their owners have."""

    roles: Roles
    rows: list[Row]

    def expected(self, row: Row) -> bool:
        """Whether the kit itself grants this."""
        kind, privilege = str(row["kind"]), str(row["privilege"])
        grantee = str(row["grantee"]).strip('"')
        if grantee == "PUBLIC":
            return (kind == "schema" and privilege == "USAGE") or (
                kind == "function" and str(row["object"]) == "set_context"
            )
        if kind == "table":
            reads = privilege == "SELECT" and row["object"] in READ_BY_VIEWS
            return reads and grantee == self.roles.view
        if kind == "sequence":
            return False
        return grantee in self.roles.all()


def _read_grants(source: Source) -> Grants:
    return Grants(roles=source.templates.roles, rows=source.rows("doctor/grants"))


@check("grants", fine="nobody has rights on the log beside the kit's own roles", read=_read_grants)
def grants(facts: Grants) -> list[Finding]:
    """Grants on the kit's objects that nobody should have."""
    return [
        fail(f"{row['grantee']} has {row['privilege']} on {row['kind']} {row['object']}.", _revoke(row))
        for row in facts.rows
        if row["grantee"] != "PUBLIC" and not facts.expected(row)
    ]


@check(
    "public",
    fine="PUBLIC may look names up in the schema and call set_context, and nothing else",
    read=_read_grants,
)
def public(facts: Grants) -> list[Finding]:
    """What everybody may do."""
    return [
        fail(f"PUBLIC has {row['privilege']} on {row['kind']} {row['object']}.", _revoke(row))
        for row in facts.rows
        if row["grantee"] == "PUBLIC" and not facts.expected(row)
    ]


def _revoke(row: Row) -> str:
    kind = "TABLE" if row["kind"] == "view" else str(row["kind"]).upper()
    return f"REVOKE {row['privilege']} ON {kind} … FROM {row['grantee']}."


@check(
    "roles",
    fine="the kit's roles are there, and nobody can log in as one of them",
    read=lambda source: (source.templates.roles, source.rows("doctor/roles")),
)
def roles(facts: tuple[Roles, list[Row]]) -> list[Finding]:
    """The kit's roles, and who is a member of those that people must not have."""
    wanted, rows = facts
    have = {row["name"]: row for row in rows}
    findings = [fail(f"Role {name} is missing.", APPLY) for name in wanted.all() if name not in have]
    findings += [
        warn(f"Role {row['name']} can log in.", "ALTER ROLE … NOLOGIN.") for row in rows if row["can_login"]
    ]
    others = [
        name for name in have.get(wanted.view, {}).get("members", []) if name.strip('"') != wanted.owner
    ]
    return findings + [
        fail(
            f"{name} is a member of {wanted.view}, which sees the whole log.", f"REVOKE {wanted.view} FROM …"
        )
        for name in others
    ]


@check(
    "default-partitions",
    fine="the default partitions are empty",
    read=lambda source: source.partitions,
)
def default_partitions(facts: list[Row]) -> list[Finding]:
    """Rows that no partition was ready for."""
    findings = []
    for row in facts:
        if row["in_default"] is None:
            findings.append(
                fail(f"{row['name']} has no default partition: a missing partition would fail writes.", APPLY)
            )
        elif row["in_default"]:
            rows = counted(row["in_default"], "row", limit=DEFAULT_LIMIT)
            findings.append(
                warn(f"{row['default_partition']} holds {rows}.", f"They are moved by the worker. {RUN}")
            )
    return findings


@check("partitions", fine="partitions are made for the time ahead", read=lambda source: source.partitions)
def partitions(facts: list[Row]) -> list[Finding]:
    """How long the partitions that are there will last."""
    findings = []
    for row in facts:
        ahead, premade = row["ahead_s"], row["premade_s"] or 0
        if ahead is None:
            findings.append(fail(f"{row['name']} has no partition for the present.", RUN))
        elif ahead < premade / 2:
            message = f"{row['name']} has partitions for another {duration(ahead)} of {duration(premade)}."
            findings.append(warn(message, RUN))
    return findings


@check("seal-lag", fine="what was committed is sealed", read=lambda source: source.sealing)
def seal_lag(facts: Sealing) -> list[Finding]:
    """Events that wait for a seal, and for how long."""
    if facts.unsealed is None:
        return [warn("After a restore or clone it is not known what is unsealed until the next seal.", RUN)]
    if not facts.unsealed:
        return []
    oldest = facts.oldest_unsealed_s or 0
    waiting = counted(facts.unsealed, "event", limit=UNSEALED_LIMIT)
    message = f"{waiting} unsealed, the oldest for {duration(oldest)}."
    if oldest < LAG_WARN_S:
        return [ok(message)]
    return [warn(message, RUN) if oldest < LAG_FAIL_S else fail(message, RUN)]


@check("sealer", fine="a sealer is at work", read=lambda source: source.sealing)
def sealer(facts: Sealing) -> list[Finding]:
    """Whether anything seals: an idle sealer leaves a record a minute."""
    if facts.age_s is not None and facts.age_s <= HEARTBEAT_S:
        return []
    since = (
        "Nothing was ever sealed" if facts.age_s is None else f"The last seal was {duration(facts.age_s)} ago"
    )
    waiting = facts.unsealed and (facts.oldest_unsealed_s or 0) > HEARTBEAT_S
    message = f"{since}; no sealer seems to run."
    return [fail(message, RUN) if waiting else warn(message, RUN)]
