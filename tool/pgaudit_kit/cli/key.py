"""`pgaudit-kit key generate|show|rotate`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import rich_click

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.signing_options import key_path, make_signer
from pgaudit_kit.errors import UsageError
from pgaudit_kit.note import COSIGNATURE, ED25519, SigningKey
from pgaudit_kit.signing import generate_key, read_key, rotation_note
from pgaudit_kit.signing.key_file import sync_folder

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(name="key", cls=rich_click.RichGroup)
def command() -> None:
    """Make, show and replace the key that signs the log; it belongs outside the database's host.

    \b
    Example:
      pgaudit-kit key generate audit.example.com/shop --key shop.key
    """  # noqa: D301


@command.command()
@click.argument("name")
@click.option("--key", "file", type=FILE, required=True, help="The file to write, with mode 0600.")
@click.option("--witness", is_flag=True, help="A key for a witness, which cosigns.")
@output_options
@pass_app
def generate(app: App, name: str, file: Path, witness: bool) -> None:
    """Make an Ed25519 key in NAME's name, and print its public half for the policy.

    NAME is the log's origin, like a URL without scheme; or a witness's name.

    \b
    Example:
      pgaudit-kit key generate audit.example.com/shop --key /etc/pgaudit-kit/shop.key
    """  # noqa: D301
    key = generate_key(file, name, COSIGNATURE if witness else ED25519)
    _say(app, key, file)


@command.command()
@click.option("--key", "file", type=FILE, help="The key's file; without it signing.key of pgaudit.toml.")
@output_options
@pass_app
def show(app: App, file: Path | None) -> None:
    """Print the public half of a key: what auditors need, and may know.

    \b
    Example:
      pgaudit-kit key show --key /etc/pgaudit-kit/shop.key
    """  # noqa: D301
    path = key_path(app, file)
    _say(app, read_key(path), path)


@command.command()
@click.option("--key", "file", type=FILE, help="The key's file; without it signing.key of pgaudit.toml.")
@output_options
@pass_app
def rotate(app: App, file: Path | None) -> None:
    """Replace the key by a new one, by a statement in the log that both keys have signed.

    Signs a last checkpoint with the old key, which then lies beside the new one under the name
    FILE.until-SIZE. Tell the new public key, and from which size it counts, to whoever keeps a policy.

    \b
    Example:
      pgaudit-kit key rotate --key /etc/pgaudit-kit/shop.key
    """  # noqa: D301
    path = key_path(app, file)
    with app.connect() as conn:
        signer = make_signer(app, conn, file)
        if signer.key.algorithm != ED25519:
            raise UsageError("A witness's key is not rotated: make another, and tell its name.")
        outcome = signer.run()
        size = outcome.checkpoint.size if outcome else 0
        fresh = path.with_name(path.name + ".next")
        new = read_key(fresh) if fresh.exists() else generate_key(fresh, signer.key.name)
        note = rotation_note(signer.key, new, size)
        signer.log.record("key-rotation", {"size": size, "note": note.encode().decode()})
    os.replace(path, path.with_name(f"{path.name}.until-{size}"))
    os.replace(fresh, path)
    sync_folder(path.parent)
    facts = {"vkey": new.verifier.vkey, "before": signer.key.verifier.vkey, "from_size": size}
    text = f"{new.verifier.vkey}\n  signs the log from size {size:,} on; before: {signer.key.verifier.vkey}"
    app.out.emit(facts | {"key": str(path)}, text)


def _say(app: App, key: SigningKey, path: Path) -> None:
    vkey = key.verifier.vkey
    app.out.emit({"vkey": vkey, "name": key.name, "key": str(path)}, vkey)
