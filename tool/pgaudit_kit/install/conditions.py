"""Lets the server judge a condition before it is installed: does it fit, does it depend on the row alone."""

from __future__ import annotations

import psycopg

from pgaudit_kit.condition import Image
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.model import RegisteredTable, Table
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render import CaptureSpec, Templates

_PROBE = QualifiedName("pg_temp", "pgaudit_kit_probe").sql
_IMAGES: dict[Image, str] = {"NEW": '("new")', "OLD": '("old")'}


def refuse_unfit(
    conn: Connection,
    templates: Templates,
    spec: CaptureSpec,
    registered: RegisteredTable | None,
    at: str | None,
) -> None:
    """Raise ConfigError for a condition that the triggers could not have, or should not.

    What is registered already has been judged; nothing is made and taken back for it again.
    """
    table, conditions = spec.table, spec.conditions
    if not conditions or (registered is not None and _judged(spec, registered)):
        return
    asked = (conditions.insert, conditions.update, conditions.delete)
    for condition in dict.fromkeys(item for item in asked if item is not None):
        try:
            foreign = _foreign_functions(conn, templates, table, condition.over(_IMAGES))
        except psycopg.errors.ReadOnlySqlTransaction:
            return  # `apply` will tell
        except (
            psycopg.errors.ProgrammingError,
            psycopg.errors.NotSupportedError,
            psycopg.DataError,
        ) as error:
            raise _unfit(table, condition.text, error, at) from None
        if foreign:
            raise ConfigError(
                f"{table.name.display}: the condition {condition.text!r} calls {foreign[0]}.",
                at=at,
                hint="Whoever may replace that function would decide what is recorded."
                " Use what is built in, or comes with an extension.",
            )


def _judged(spec: CaptureSpec, registered: RegisteredTable) -> bool:
    return (
        registered.enabled
        and registered.conditions == spec.conditions
        and registered.fingerprint == spec.table.fingerprint
        and registered.specialised == spec.specialised  # the table was not changed since
    )


def _foreign_functions(conn: Connection, templates: Templates, table: Table, text: str) -> list[str]:
    """Functions that are neither built in nor an extension's; psycopg.Error where the text is refused.

    The predicate of an index may hold nothing but IMMUTABLE functions of one row: just what is wanted here.
    It is parsed under the search_path of the kit's session, as the trigger will be.
    """
    with conn.transaction(force_rollback=True):
        row_type = table.name.sql
        conn.execute(f"CREATE TEMP TABLE pgaudit_kit_probe (new {row_type}, old {row_type})".encode())
        conn.execute(f"CREATE INDEX pgaudit_kit_probed ON {_PROBE} ((1)) WHERE ({text})".encode())
        query = templates.render("queries/foreign_functions.sql").encode()
        return [name for (name,) in conn.execute(query).fetchall()]


def _unfit(table: Table, text: str, error: psycopg.Error, at: str | None) -> ConfigError:
    said = error.diag.message_primary or str(error)
    hint = "Columns are NEW.… and OLD.…, as in a trigger's WHEN."
    if isinstance(error, psycopg.errors.InvalidObjectDefinition):
        said = "it depends on more than the row"
        hint = (
            "Clocks, settings and the current user would let a writer decide what is recorded;"
            " compare columns with constants, by functions that are IMMUTABLE."
        )
    elif isinstance(error, psycopg.errors.FeatureNotSupported):
        hint = "Subqueries, aggregates and sets cannot stand in a condition."
    return ConfigError(
        f"{table.name.display}: the condition {text!r} does not fit: {said}.", at=at, hint=hint
    )
