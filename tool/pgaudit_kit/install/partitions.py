"""Steps that let pg_partman make the log's partitions, or take that back."""

from __future__ import annotations

from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.partition_manager import NATIVE, Choice, Manager
from pgaudit_kit.plan import Change
from pgaudit_kit.render import Templates
from pgaudit_kit.render.templates import strip_header


def grant_changes(choice: Choice) -> list[Change]:
    """What the kit's owner is granted, before its functions need it."""
    if not choice.partman or not choice.found.grants:
        return []
    return [
        Change(
            op="create",
            kind="grant",
            target=f"use of {choice.found.label}",
            why="the kit's owner has it make partitions",
            sql="".join(f"{statement};\n" for statement in choice.found.grants),
            as_owner=False,
        )
    ]


def switch_changes(templates: Templates, choice: Choice) -> list[Change]:
    """Once the functions of the chosen manager are there: it takes over what partitions there are."""
    found = choice.found
    wanted = f"pg_partman {choice.file.rpartition('_')[2]}" if choice.partman else NATIVE
    schema = Ident(templates.schema).sql
    if not found.maintained or (found.used or NATIVE) == wanted:
        return _registration(schema, choice)
    what = f"from {found.used or NATIVE} to {wanted}"
    before, after = Literal(found.used or NATIVE).sql, Literal(wanted).sql
    detail = f"jsonb_build_object('before', {before}, 'after', {after})"
    return [
        *([] if choice.partman else release_changes(templates, found)),
        Change(
            op="change",
            kind="partitions",
            target=f"manager: {what}",
            why=f"{choice.why.rstrip('.')}; partitions that are there stay",
            sql=f"SELECT {schema}.maintain_partitions();\n"
            f"SELECT {schema}.record_control('partition-manager-changed', {detail});\n",
        ),
    ]


def _registration(schema: str, choice: Choice) -> list[Change]:
    """Where the kit's owner had lost its rights, pg_partman was made anew and knows nothing of the log."""
    if not (choice.partman and choice.found.in_use and choice.found.grants):
        return []
    return [
        Change(
            op="create",
            kind="registration",
            target=f"of the log's tables in {choice.found.label}",
            why="it may know nothing of them",
            sql=f"SELECT {schema}.register_partitions();\n",
        )
    ]


def release_changes(templates: Templates, found: Manager) -> list[Change]:
    """pg_partman forgets the kit's tables, and the kit's owner loses what it had been granted there."""
    if not found.in_use or not found.has_config or found.schema is None:
        return []
    changes = []
    if not found.grants:
        config = QualifiedName(found.schema, "part_config")
        changes.append(
            Change(
                op="drop",
                kind="registration",
                target=f"of the log's tables in {found.label}",
                why="it no longer makes their partitions",
                sql=strip_header(templates.render("queries/release_partitions.sql", {"config": config})),
            )
        )
    if found.revokes and not found.used_by_others:
        changes.append(
            Change(
                op="drop",
                kind="grant",
                target=f"use of {found.label}",
                why="the kit no longer needs it",
                sql="".join(f"{statement};\n" for statement in found.revokes),
                as_owner=False,
            )
        )
    return changes
