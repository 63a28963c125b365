"""Runs the frozen SQL of a migration: a template, so that schema and roles can have any name."""

from importlib.resources import files

import sqlalchemy
from alembic import context, op


def run(name: str) -> None:
    """Emit the file versions/sql/`name`, rendered for the installation."""
    text = files("pgaudit_kit.migrations").joinpath("versions", "sql", name).read_text(encoding="utf-8")
    rendered: str = context.config.attributes["render"](text)
    op.execute(sqlalchemy.text(rendered.replace("\\", "\\\\").replace(":", "\\:")))
