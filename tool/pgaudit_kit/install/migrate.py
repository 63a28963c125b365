"""The SQL that moves the kit's own tables from one revision to the newest."""

from __future__ import annotations

import io
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from pgaudit_kit import resources
from pgaudit_kit.errors import Refused
from pgaudit_kit.render.templates import Templates


class NewerInstallation(Refused):
    """The kit in this database is newer than this pgaudit-kit."""

    hint = "Upgrade pgaudit-kit, then run the command again."


def refuse_newer(current: str | None) -> None:
    """Raise NewerInstallation for a revision that this version does not know."""
    if current is not None and current not in _known():
        raise NewerInstallation(f"The kit's tables are at revision {current}, unknown to this version.")


def upgrade_sql(templates: Templates, current: str | None) -> str:
    """SQL from revision `current` (None: nothing there) to the newest; empty where it is the newest.

    Raises NewerInstallation for a revision that this version does not know.
    """
    refuse_newer(current)
    if current == head():
        return ""
    buffer = io.StringIO()
    config = _config(buffer)
    config.attributes["schema"] = templates.schema
    config.attributes["render"] = templates.render_text
    command.upgrade(config, f"{current}:head" if current else "head", sql=True)
    return buffer.getvalue()


@cache
def head() -> str:
    """The newest revision."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None  # noqa: S101 - there is a first migration
    return revision


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config(buffer: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=buffer or io.StringIO())
    config.set_main_option("script_location", resources.migrations_folder().replace("%", "%%"))
    return config
