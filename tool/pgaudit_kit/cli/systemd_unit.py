"""The systemd unit that `pgaudit-kit run --systemd-unit` prints."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from pgaudit_kit.cli.app import App
from pgaudit_kit.config import DEFAULT_SCHEMA


def command_line(app: App) -> list[str]:
    """The command with the options that say which installation is meant."""
    program = shutil.which("pgaudit-kit") or sys.argv[0]
    words = [program]
    if app.config_option is not None:
        words += ["--config", str(app.config_option.absolute())]
    if app.schema_option is not None and app.schema_option != DEFAULT_SCHEMA:
        words += ["--schema", app.schema_option]
    return [*words, "run", "--json"]


def unit_text(words: Sequence[str]) -> str:
    """A systemd unit that runs this command; where the database is, a file of its own says."""
    return f"""\
[Unit]
Description=pgaudit-kit: seals the audit log and keeps its partitions ready
Wants=network-online.target
After=network-online.target postgresql.service

[Service]
Type=exec
# Where the database is: PGAUDIT_KIT_DSN=… in this file, readable by root alone (passwords: ~/.pgpass).
EnvironmentFile=-/etc/pgaudit-kit.env
# An account whose database role is a member of pgaudit_kit_owner.
User=postgres
ExecStart={" ".join(_quoted(word) for word in words)}
Restart=on-failure
RestartSec=5
TimeoutStopSec=60
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only

[Install]
WantedBy=multi-user.target
"""


def _quoted(word: str) -> str:
    """A word as systemd reads it: % and $ are its own."""
    word = word.replace("%", "%%").replace("$", "$$")
    if word and not set(word) & set(" \t\"'\\;"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
