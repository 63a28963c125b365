"""`pgaudit-kit tiles`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.errors import Inconclusive, UsageError
from pgaudit_kit.signing import SignedLog
from pgaudit_kit.stores import FolderStore
from pgaudit_kit.tlog import export_tiles


@click.command(name="tiles")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--origin", help="The log's name; without it that of pgaudit.toml.")
@output_options
@pass_app
def command(app: App, folder: Path, origin: str | None) -> None:
    """Write the signed log into FOLDER as tiles that any reader of c2sp.org/tlog-tiles can check.

    Holds the headers of blocks, which tell no names and no values. Writes only what is new since the last
    time, never over what is there, and the newest checkpoint at the end. Serve the folder with any web
    server, or hand it over. Needs a member of pgaudit_kit_signer.

    \b
    Example:
      pgaudit-kit tiles /srv/www/audit.example.com/shop
    """  # noqa: D301
    origin = origin or (app.config.signing.origin if app.config and app.config.signing else None)
    if origin is None:
        raise UsageError("Which log?", hint="Name it with --origin, or as origin below [signing].")
    with app.connect() as conn:
        log = SignedLog(conn, app.schema)
        newest = log.newest(origin)
        if newest is None or newest.note is None:
            raise Inconclusive(
                f"Nothing of the log {origin} was signed, or the newest checkpoint is being signed now.",
                hint="Run `pgaudit-kit checkpoint`, then this again.",
            )

        def entries(start: int, stop: int) -> Iterator[bytes]:
            return (header.encode() for header in islice(log.headers(start), stop - start))

        done = export_tiles(FolderStore(folder), newest.size, entries, note=newest.note.encode())
    facts = {"origin": origin, "size": done.size, "root": done.root.hex(), "written": done.written}
    text = f"{folder} holds {done.size:,} blocks of {origin}; {done.written:,} files are new."
    app.out.emit(facts | {"folder": str(folder)}, text)
