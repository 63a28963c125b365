"""What the configuration says beyond single tables, and the first rows of an installation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from pgaudit_kit import __version__
from pgaudit_kit.config import Config, Context, Operation, Partitions
from pgaudit_kit.model import Installation, ObjectId
from pgaudit_kit.names import Ident, Literal
from pgaudit_kit.plan import Change
from pgaudit_kit.render import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the configuration says beyond single tables."""

    partitions: Partitions
    context: Context
    actions: dict[str, tuple[Operation, ...]] | None

    @classmethod
    def of(cls, config: Config | None, installation: Installation) -> Settings:
        """From the file, else from the registry, else the defaults."""
        if config is not None:
            return cls(partitions=config.partitions, context=config.context, actions=config.actions)
        stored = installation.settings
        return cls(
            partitions=msgspec.convert(stored.get("partitions", {}), Partitions),
            context=Context(personal=tuple(stored.get("personal_context", Context().personal))),
            actions=stored.get("actions"),
        )

    def stored(self) -> dict[str, object]:
        """As the table settings keeps them; a setting that is not declared is not kept."""
        values: dict[str, object] = {
            "partitions": msgspec.to_builtins(self.partitions),
            "personal_context": list(self.context.personal),
        }
        if self.actions is not None:
            values["actions"] = {name: list(operations) for name, operations in self.actions.items()}
        return values


def setting_changes(templates: Templates, installation: Installation, settings: Settings) -> Iterable[Change]:
    """What is not DDL: settings, first partitions, and the event that says so."""
    schema = Ident(templates.schema).sql
    stored = settings.stored()
    if not any(item.id == ObjectId("function", "seal") for item in installation.objects):
        yield Change(
            op="create",
            kind="partitions",
            target=f"of {settings.partitions.interval}, {settings.partitions.premake} ahead",
            why="new",
            sql=_first_rows(schema, stored),
        )
        return
    if "actions" in installation.settings and "actions" not in stored:
        yield Change(
            op="drop",
            kind="setting",
            target="actions",
            why="no longer declared: any action is recorded",
            sql=f"SELECT {schema}.change_setting('actions', NULL);\n",
        )
    for name, value in stored.items():
        if installation.settings.get(name) != value:
            yield Change(
                op="change",
                kind="setting",
                target=name,
                why="declared otherwise",
                sql=f"SELECT {schema}.change_setting({Literal(name).sql}, {json_constant(value)});\n"
                f"SELECT {schema}.maintain_partitions();\n",
            )


def _first_rows(schema: str, stored: dict[str, object]) -> str:
    # The settings first and the partitions before any event: the default partition stays empty.
    rows = ",\n".join(
        f"({Literal(name).sql}, {json_constant(value)})" for name, value in sorted(stored.items())
    )
    installed = json_constant({"version": __version__, "settings": stored})
    return (
        f"INSERT INTO {schema}.settings (name, value) VALUES\n{rows}\n"
        "ON CONFLICT ON CONSTRAINT settings_name_pk DO UPDATE SET value = excluded.value;\n"
        f"{stamp_partitions(schema)}"
        f"SELECT {schema}.maintain_partitions();\n"
        f"SELECT {schema}.record_control('installed', {installed});\n"
    )


def stamp_partitions(schema: str) -> str:
    """SQL that gives every partition the policies and guards of its parent."""
    return (
        f"SELECT {schema}.stamp_partition(i.inhrelid::regclass)\n"
        "FROM pg_catalog.pg_inherits AS i\n"
        "INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.inhparent AND NOT c.relispartition\n"
        f"WHERE c.relnamespace = {Literal(schema).sql}::pg_catalog.regnamespace AND c.relkind = 'p';\n"
    )


def json_constant(value: object) -> str:
    """A constant of type jsonb."""
    return f"{Literal(msgspec.json.encode(value).decode()).sql}::jsonb"
