"""Running pgaudit-kit's commands within the test, and comparing what databases hold."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pgaudit_kit.cli.main import main

CATALOGS = (
    "pg_namespace", "pg_class", "pg_attribute", "pg_constraint", "pg_index", "pg_inherits", "pg_proc",
    "pg_trigger", "pg_policy", "pg_rewrite", "pg_type", "pg_sequence", "pg_description", "pg_event_trigger",
    "pg_depend", "pg_default_acl",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What one run of a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The answer as JSON."""
        answer: dict[str, Any] = json.loads(self.out)
        return answer


@dataclass
class Kit:
    """pgaudit-kit on one database."""

    dsn: str
    config: Path | None = None
    schema: str | None = None
    history: list[Answer] = field(default_factory=list)

    def __call__(self, *args: str, code: int = 0) -> Answer:
        """Run a command, and insist on its exit code."""
        options = ["--dsn", self.dsn]
        if self.config is not None:
            options += ["--config", str(self.config)]
        if self.schema is not None:
            options += ["--schema", self.schema]
        answer = run(*options, *args)
        self.history.append(answer)
        assert answer.code == code, f"{args} ended with {answer.code}:\n{answer.err}{answer.out}"
        return answer

    def plan(self) -> list[tuple[str, str, str]]:
        """The changes that `plan` names: operation, kind and target."""
        return [(change["op"], change["kind"], change["target"]) for change in self.changes()]

    def changes(self) -> list[dict[str, str]]:
        """The changes that `plan` names, with their reasons."""
        changes: list[dict[str, str]] = self("plan", "--json").json["changes"]
        return changes

    def reasons(self) -> str:
        """What `plan` prints for people."""
        return self("plan").out

    def declare(self, text: str) -> None:
        """Write the configuration file."""
        assert self.config is not None
        self.config.write_text(text, encoding="utf-8")


def run(*args: str) -> Answer:
    """Run pgaudit-kit in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(args)
    answer = Answer(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in answer.err + answer.out, answer.err
    return answer


def catalog_state(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """A digest of each catalog that tells whether any row of it was written."""
    query = (
        "SELECT md5(coalesce(string_agg(t.xmin::text || t.ctid::text, ',' ORDER BY t.ctid), '')) FROM {} AS t"
    )
    return {name: _one(conn, sql.SQL(query).format(sql.Identifier("pg_catalog", name))) for name in CATALOGS}


def data_state(conn: psycopg.Connection[Any], schema: str = "audit") -> dict[str, str]:
    """A digest of the rows of each table of the kit."""
    tables = conn.execute(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'"
        " ORDER BY 1",
        [sql.Identifier(schema).as_string(None)],
    ).fetchall()
    query = "SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM {} AS t"
    return {name: _one(conn, sql.SQL(query).format(sql.Identifier(schema, name))) for (name,) in tables}


def _one(conn: psycopg.Connection[Any], query: sql.Composed) -> str:
    row = conn.execute(query).fetchone()
    assert row is not None
    answer: str = row[0]
    return answer
