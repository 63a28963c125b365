"""The text of a first pgaudit.toml: every option with its default and a comment, then the tables found."""

from __future__ import annotations

from collections.abc import Iterable

import tomlkit

from pgaudit_kit.config import Context, Partitions
from pgaudit_kit.proposal import LeftOut, Proposal, Proposed
from pgaudit_kit.timeouts import Timeouts

_HEAD = """\
# Configuration of pgaudit-kit, proposed by `pgaudit-kit init` for the database {database}.
# Every option stands here with its default. What was guessed from names is marked: look it over.
# `pgaudit-kit plan` shows what would be done, `pgaudit-kit install` does it the first time, `apply` later.

# The schema that holds the audit log and everything else of the kit.
schema = {schema}

[timeouts]                  # like "500ms", "10s", "2min"; "0" is no limit
connect = {connect}             # to open a connection
lock = {lock}                 # for DDL to get a lock; tried again with back-off
statement = {statement}             # for one statement of a command

[partitions]                # the log is divided by time
interval = {interval}          # "1 hour", "1 day", "1 week", "1 month", …
premake = {premake}                 # how many are made ahead
manager = {manager}            # auto, partman (the extension pg_partman) or native (the kit's own)

[context]
# Fields of set_context() that are personal data: they are kept where erasure can reach them.
personal = {personal}

# Which operations an action may come with. Without this section any action is recorded; with it another
# operation under the action is recorded and marked action_mismatch.
# [actions]
# publish = ["update"]
# archive = ["update", "delete"]

# What proves the log to others: checkpoints, signed with a key that is not on the database's host, and
# published where nobody can take them back. `pgaudit-kit key generate` makes the key, `run` signs.
# [signing]
# origin = "audit.example.com/shop" # the log's name for ever, like a URL without scheme
# key = "shop.key"          # files beside this one, unless they begin with /
# state = "shop.key.state"  # what was signed last
# every = "10s"             # how often
# [[anchors]]               # any number of them; docs/how-to/anchors.md has the other types
# type = "folder"
# name = "worm"
# path = "/mnt/worm/shop"

# Whose part of the log lies where; docs/how-to/residency.md. Without regions all of it lies together.
# [[regions]]
# name = "eu"
# tablespace = "eu_disks"   # without it they have partitions of their own where the rest lies
# tenants = ["acme"]        # or tables = ["public.patients"]; a region without either is everybody else's

# What a table may say, with the defaults:
# [[tables]]
# name = "public.articles"  # SQL syntax: "My Schema"."T" where case or spaces matter
# tenant = {{ column = "tenant_id" }} # or setting = "app.t", value = "acme", via = "doc_id -> docs.owner_id"
# exclude = []              # columns that are not recorded; a change to these alone is no event
# personal = []             # columns kept where erasure can reach them
# subject = "author_id"     # the column that tells whose data that is; default: none
# operations = ["insert", "update", "delete", "truncate"]
# key = []                  # columns that identify a row, only where there is no primary key
# bulk = false              # true: INSERT and DELETE are recorded by statement, for tables with mass loads
# when = "NEW.status <> 'draft'" # only such rows, or one for each: {{ update = "…" }}; default: all
"""


def first_config(proposal: Proposal, *, schema: str, database: str) -> str:
    """The file's text; it says what was guessed, and what was left out and why."""
    timeouts, partitions = Timeouts(), Partitions()
    head = _HEAD.format(
        database=_text(database),
        schema=_text(schema),
        connect=_text(timeouts.connect),
        lock=_text(timeouts.lock),
        statement=_text(timeouts.statement),
        interval=_text(partitions.interval),
        premake=partitions.premake,
        manager=_text(partitions.manager),
        personal=_list(Context().personal),
    )
    parts = [
        head,
        *(_proposed(table) for table in proposal.tables),
        *(_left_out(item) for item in proposal.left_out),
    ]
    return "\n".join(parts)


def _proposed(table: Proposed) -> str:
    lines = [f"# {_comment(note)}" for note in table.notes]
    lines += ["[[tables]]", f"name = {_text(table.name.display)}"]
    if table.via is not None:
        lines.append(f"tenant = {{ via = {_text(table.via)} }}  # guessed from its foreign key")
    elif table.tenant is None:
        lines.append("# tenant: no column looks like it; its events go to the log of the tenant `default`")
    else:
        lines.append(f"tenant = {{ column = {_text(table.tenant)} }}  # guessed from its name")
    if table.exclude:
        lines.append(f"exclude = {_list(table.exclude)}  # derived from other columns")
    if table.personal:
        lines.append(f"personal = {_list(table.personal)}  # guessed from their names")
        subject = _text(table.subject or "…")
        lines.append(f"# subject = {subject}  # whose data that is, for erasing all of it")
    return "\n".join(lines) + "\n"


def _left_out(item: LeftOut) -> str:
    lines = [f"# {_comment(item.reason)}", "# [[tables]]", f"# name = {_text(item.name.display)}"]
    if item.needs_key:
        lines.append('# key = ["…"]')
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    """Text that stays on its line, whatever names it holds."""
    return text if text.isprintable() else _text(text)


def _text(value: str) -> str:
    return tomlkit.item(value).as_string()


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"
