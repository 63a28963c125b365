"""What commands that sign take from options and from `[signing]` in pgaudit.toml."""

from __future__ import annotations

import glob
from pathlib import Path

from pgaudit_kit import db
from pgaudit_kit.anchors import open_anchor
from pgaudit_kit.cli.app import App
from pgaudit_kit.errors import UsageError
from pgaudit_kit.note import VerifierKey
from pgaudit_kit.signing import SignedLog, Signer, StateFile, read_key


def key_path(app: App, option: Path | None) -> Path:
    """The key's file: --key, or signing.key relative to pgaudit.toml."""
    if option is not None:
        return option
    if app.config and app.config.signing and app.config_path:
        return app.config_path.parent / app.config.signing.key
    raise UsageError(
        "Which key signs the log?",
        hint="Name its file with --key, or in pgaudit.toml: [signing] origin = …, key = ….",
    )


def make_signer(app: App, conn: db.Connection, key: Path | None = None, origin: str | None = None) -> Signer:
    """A signer with the key, state and anchors that were given or configured."""
    path = key_path(app, key)
    signing_key = read_key(path)
    signing = app.config.signing if app.config else None
    if signing and signing.state and app.config_path and key is None:
        state = app.config_path.parent / signing.state
    else:
        state = path.with_name(path.name + ".state")
    return Signer(
        log=SignedLog(conn, app.schema),
        key=signing_key,
        file=StateFile(state),
        origin=origin or (signing.origin if signing else signing_key.name),
        anchors=[open_anchor(spec) for spec in (app.config.anchors if app.config else ())],
        earlier_keys=_earlier(path),
    )


def check_signing(app: App) -> None:
    """Raise what stands in the way of signing with the configuration."""
    path = key_path(app, None)
    read_key(path)
    _earlier(path)


def _earlier(path: Path) -> list[VerifierKey]:
    """The keys that this one has replaced, as `key rotate` left them beside it."""
    found = sorted(path.parent.glob(f"{glob.escape(path.name)}.until-*"))
    return [read_key(old).verifier for old in found]
