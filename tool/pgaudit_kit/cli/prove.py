"""`pgaudit-kit prove`."""

from __future__ import annotations

from pathlib import Path

import click

from pgaudit_kit import evidence
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options, printable
from pgaudit_kit.errors import FileError
from pgaudit_kit.evidence import Receipt
from pgaudit_kit.policy import load_policy


@click.command(name="prove")
@click.argument("event_id", metavar="EVENT_ID", type=click.IntRange(1, 2**63 - 1))
@click.option(
    "--tlog-proof",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the proof as c2sp.org/tlog-proof, which other tools read.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="PGAUDIT_KIT_POLICY",
    show_envvar=True,
    help="policy.toml, kept outside the database: whose signature counts.",
)
@output_options
@pass_app
def command(app: App, event_id: int, target: Path | None, policy_file: Path | None) -> int:
    """Prove that one event is in the log.

    Prints its line and hash, the hashes that lead to its block's Merkle root, the block's header, the hashes
    that lead to the log's root, and the signed checkpoint. It is recomputed first: ends with 1 where it does
    not hold, with 4 where the event is not sealed, or of a tenant that this role may not read. Readers and
    auditors of the log may do this; in SQL it is audit.receipt(event_id). The checkpoint's signature is
    checked with --policy.

    \b
    Example:
      pgaudit-kit prove 4711
      pgaudit-kit prove 4711 --tlog-proof 4711.tlog-proof
    """  # noqa: D301
    policy = load_policy(policy_file) if policy_file else None
    with app.connect(read_only=True) as conn:
        found = evidence.receipt(conn, app.schema, event_id)
    problem, signer = found.problem(), None
    if policy is not None and found.checkpoint is not None:
        signer = policy.signer_of(found.checkpoint.encode())
        problem = problem or (None if signer else "no key of the policy signed the checkpoint for this log")
    if target is not None and problem is None:
        _write(target, found.tlog_proof())
    facts = {**found.facts(), "signed_by": signer, "problem": problem}
    unsigned = policy is not None and found.checkpoint is None
    app.out.emit(facts, lambda: "\n".join([*_steps(found, signer), _verdict(found, problem, unsigned)]))
    return 1 if problem else 4 if unsigned else 0


def _write(target: Path, text: str) -> None:
    try:
        target.write_bytes(text.encode())
    except OSError as error:
        raise FileError(f"The proof cannot be written: {error.strerror}.", at=str(target)) from None


def _verdict(found: Receipt, problem: str | None, unsigned: bool) -> str:
    if problem:
        return f"FAILED: {problem}."
    if unsigned:
        return "UNKNOWN: a signature was asked for, and there is none yet."
    return f"OK: event {found.event_id} was sealed as it is printed here."


def _steps(found: Receipt, signer: str | None) -> list[str]:
    """In the order in which somebody would follow it by hand."""
    facts = found.facts()
    return [
        f"line         {printable(found.line)}",
        f"its SHA-256  {facts['event_hash']}",
        f"in block     {found.block_number} at place {found.place} of {found.event_count}",
        *(f"  with       {one}" for one in facts["block_path"]),
        f"header       {printable(found.header)}",
        f"its SHA-256  {facts['block_hash']}",
        f"in the log   at place {found.log_index}" + (f" of {found.log_size}" if found.log_size else ""),
        *(f"  with       {one}" for one in facts["log_path"]),
        "",
        printable(found.checkpoint) if found.checkpoint else "No published checkpoint covers it yet.",
        f"Signed by {signer}." if signer else "Signatures were not checked: give --policy FILE.",
    ]
