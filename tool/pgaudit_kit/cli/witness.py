"""`pgaudit-kit witness`: cosign the checkpoints of other people's logs."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import click
import rich_click

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.witness_options import address, listening, log_key
from pgaudit_kit.cli.working import make_log, stopped_by_signals
from pgaudit_kit.errors import FileError, UsageError
from pgaudit_kit.note import COSIGNATURE
from pgaudit_kit.signing import read_key
from pgaudit_kit.witness import Conflict, Ledger, Seen, Witness

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(name="witness", cls=rich_click.RichGroup)
def command() -> None:
    """Watch over logs from elsewhere: cosign their checkpoints while they tell one history.

    \b
    Example:
      pgaudit-kit key generate witness.example.org --witness --key witness.key
      pgaudit-kit witness serve --create --database w.db --key witness.key --log audit.example.com/shop+…
    """  # noqa: D301


@command.command()
@click.option("--listen", default="127.0.0.1:8300", metavar="HOST:PORT", help="Where to listen.")
@click.option("--database", type=FILE, required=True, help="The file of what was cosigned.")
@click.option("--create", is_flag=True, help="Make the database, where there is none yet.")
@click.option("--key", "key_file", type=FILE, required=True, help="The witness's key.")
@click.option("--log", "logs", multiple=True, required=True, metavar="VKEY", help="A log's public key.")
@output_options
@pass_app
def serve(app: App, listen: str, database: Path, create: bool, key_file: Path, logs: tuple[str, ...]) -> None:
    """Answer the requests of c2sp.org/tlog-witness until told to stop.

    Speaks plain HTTP: put a proxy with TLS in front of it. Keep the database: a witness that forgets
    what it cosigned can be told another history, so --create belongs into no script. Says on stderr what
    it does (with --json a line of JSON each), and ends with 0 on SIGTERM or Ctrl-C.

    \b
    Example:
      pgaudit-kit witness serve --database witness.db --key witness.key --log audit.example.com/shop+…
    """  # noqa: D301
    host, port = address(listen)
    key = read_key(key_file)
    if key.algorithm != COSIGNATURE:
        raise UsageError(
            "This key signs logs; a witness must have one of its own that cosigns.",
            hint="Make it: pgaudit-kit key generate NAME --witness --key FILE.",
        )
    if not create and not database.exists():
        raise FileError(
            "The witness's database does not exist.",
            at=str(database),
            hint="Only the first time add --create: without its database a witness cosigns another history.",
        )
    log = make_log(app)
    witness = Witness(key, [log_key(text) for text in logs], Ledger(database), time.time)
    with listening(host, port, witness, log.info) as server, stopped_by_signals() as stop:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        log.info("listening", url=server.url, vkey=key.verifier.vkey)
        stop.wait()
        server.shutdown()
        thread.join()
    log.info("stopped")


@command.command()
@click.option("--database", type=FILE, required=True, help="The file of what was cosigned.")
@output_options
@pass_app
def status(app: App, database: Path) -> int:
    """Show what was cosigned, and what logs signed against it: exit code 1 where there is any.

    \b
    Example:
      pgaudit-kit witness status --database witness.db
    """  # noqa: D301
    if not database.exists():
        raise FileError("The witness's database does not exist.", at=str(database))
    ledger = Ledger(database)
    seen, conflicts = ledger.all_newest(), ledger.conflicts()
    lines = [f"{one.origin}: {one.size:,} leaves, root {one.root.hex()}" for one in seen]
    for one in conflicts:
        lines.append(f"TWO HISTORIES of {one.origin}: it signed another root of {one.size:,} leaves, too:")
        lines.append(one.note.decode().rstrip("\n"))
    data = {
        "logs": [_facts(one) for one in seen],
        "conflicts": [_facts(one) | {"seen_at": one.seen_at} for one in conflicts],
    }
    app.out.emit(data, "\n".join(lines) or "Nothing was cosigned yet.")
    return 1 if conflicts else 0


def _facts(one: Seen | Conflict) -> dict[str, Any]:
    return {"origin": one.origin, "size": one.size, "root": one.root.hex(), "note": one.note.decode()}
