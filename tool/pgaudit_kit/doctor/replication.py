"""Check of logical replication: each server keeps a log of its own, and no other's."""

from __future__ import annotations

from pgaudit_kit.doctor.model import Finding, Row, check, counted, fail, warn
from pgaudit_kit.doctor.source import Source

PUBLISH = "Publish tables or schemas by name (FOR TABLE …, from 15 on FOR TABLES IN SCHEMA …)."
SUBSCRIBE = (
    "Let the publisher name what it publishes, then ALTER SUBSCRIPTION … REFRESH PUBLICATION;"
    " `pgaudit-kit verify` tells what has arrived."
)


def _read(source: Source) -> list[Row]:
    return source.rows("doctor/replication")


@check("replication", fine="no publication or subscription carries tables of the log", read=_read)
def replication(facts: list[Row]) -> list[Finding]:
    """Publications and subscriptions that hold tables of the kit, as FOR ALL TABLES does."""
    return [
        fail(f"Subscription {row['name']} writes another server's log into this one.", SUBSCRIBE)
        if row["kind"] == "subscription"
        else warn(f"Publication {row['name']} holds {counted(row['tables'], 'table')} of the log.", PUBLISH)
        for row in facts
    ]
