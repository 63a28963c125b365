"""Check of logical replication: each server keeps a log of its own, and no other's."""

from __future__ import annotations

from pgaudit_kit.doctor.model import Finding, Row, check, counted, fail, warn
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.names import Ident

PUBLISH = "Publish tables by name (FOR TABLE …), or from 15 on schemas (FOR TABLES IN SCHEMA …)."
INSTEAD = (
    "From 15 on: CREATE PUBLICATION {name} FOR TABLES IN SCHEMA {schemas}; then on the subscriber"
    " ALTER SUBSCRIPTION … SET PUBLICATION {name}. On 14 name the tables (FOR TABLE …)."
)
SUBSCRIBE = (
    "Let the publisher name what it publishes, then ALTER SUBSCRIPTION … REFRESH PUBLICATION;"
    " `pgaudit-kit verify` tells what has arrived."
)


def _read(source: Source) -> list[Row]:
    return source.rows("doctor/replication")


@check("replication", fine="no publication or subscription carries tables of the log", read=_read)
def replication(facts: list[Row]) -> list[Finding]:
    """Publications and subscriptions that hold tables of the kit, as FOR ALL TABLES does."""

    def publish(row: Row) -> str:
        if row["schemas"] is None:
            return PUBLISH
        return INSTEAD.format(name=Ident(f"{row['name']}_data").sql, schemas=row["schemas"])

    return [
        fail(f"Subscription {row['name']} writes another server's log into this one.", SUBSCRIBE)
        if row["kind"] == "subscription"
        else warn(
            f"Publication {row['name']} holds {counted(row['tables'], 'table')} of the log.", publish(row)
        )
        for row in facts
    ]
