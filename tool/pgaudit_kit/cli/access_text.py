"""What `status --access` prints: who read the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pgaudit_kit.doctor import Source

DAYS = 30

access_option = click.option(
    "--access",
    is_flag=True,
    help=f"Show who read the log in the last {DAYS} days instead, and what they asked last.",
)


def read_access(source: Source) -> list[dict[str, Any]]:
    """Each reader, with whose logs it could see."""
    return source.rows("status/access", {"days": DAYS})


def access_text(rows: Sequence[dict[str, Any]]) -> str:
    """The same for people."""
    if not rows:
        return f"Nobody read the log in the last {DAYS} days (superusers are not recorded)."
    lines = []
    for row in rows:
        who = row["reader"] if row["reader"] == row["db_user"] else f"{row['reader']} (as {row['db_user']})"
        whose = "every tenant" if row["auditor"] else ", ".join(row["tenants"]) or "no tenant"
        query = " ".join((row["last_query"] or "").split())
        lines += [
            f"{who}  reads {whose}  {row['object']}  {row['reads']:,} times,"
            f" last {row['last_at']:%Y-%m-%d %H:%M}",
            f"    {query[:200]}",
        ]
    return "\n".join(lines)
