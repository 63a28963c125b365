"""`pgaudit-kit checkpoint`."""

from __future__ import annotations

from pathlib import Path

import click

from pgaudit_kit.anchors import AnchorConflict
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options, printable
from pgaudit_kit.cli.signing_options import make_signer
from pgaudit_kit.errors import Inconclusive, UsageError
from pgaudit_kit.signing import Outcome


@click.command(name="checkpoint")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The signing key's file; without it signing.key of pgaudit.toml.",
)
@click.option("--origin", help="The log's name; without it that of pgaudit.toml, or of the key.")
@click.option(
    "--restored",
    is_flag=True,
    help="Begin another log under --origin: this database was restored on purpose.",
)
@output_options
@pass_app
def command(app: App, key: Path | None, origin: str | None, restored: bool) -> int:
    """Sign what was sealed, and publish it to every anchor of pgaudit.toml.

    Prints the signed note. Never signs what contradicts anything that was signed before, also when the
    database or the signer's state was put back: then it ends with 1 and signs nothing. Ends with 1 too
    where an anchor holds another history of this log; that one is kept beside the signer's state as
    evidence. Ends with 4 where an anchor did not take the note; it is asked again the next time.
    `pgaudit-kit run` does this all the time. Needs a member of pgaudit_kit_signer.

    \b
    Example:
      pgaudit-kit checkpoint --key /etc/pgaudit-kit/shop.key
    """  # noqa: D301
    if restored and origin is None:
        raise UsageError(
            "Which name does the restored log have?",
            hint="Name it with --origin, such as audit.example.com/shop/2, and put it into pgaudit.toml.",
        )
    with app.connect() as conn:
        signer = make_signer(app, conn, key, origin)
        outcome = signer.restored(signer.origin) if restored else signer.run()
    if outcome is None:
        raise Inconclusive("Nothing was sealed yet.", hint="Run `pgaudit-kit seal`, or `pgaudit-kit run`.")
    for name in outcome.failed:
        app.out.warn(f"{name} did not take the checkpoint: {printable(str(outcome.anchors[name]))}")
    for name, kept in outcome.conflicts.items():
        app.out.warn(f"what {name} holds is kept in {kept}. {AnchorConflict.hint}")
    app.out.emit(facts(outcome), outcome.note.decode().rstrip("\n"))
    if outcome.conflicts:
        return 1
    return 4 if outcome.failed else 0


def facts(outcome: Outcome) -> dict[str, object]:
    """One run of the signer, for JSON."""
    return {
        "origin": outcome.checkpoint.origin,
        "size": outcome.checkpoint.size,
        "root": outcome.checkpoint.root.hex(),
        "new": outcome.new,
        "note": outcome.note.decode(),
        "anchors": dict(outcome.anchors),
        "conflicts": {name: str(kept) for name, kept in outcome.conflicts.items()},
    }
