"""README.md of the folder, for whoever gets it."""

from __future__ import annotations

from typing import Any

from pgaudit_kit.evidence.request import Request, Scope

_TEXT = """# Evidence from an audit log

Events of one tenant of a database, as they were recorded and sealed. You can check them without the
database, without the software that made them, and without trusting whoever gave you this folder.

    python3 -I verify_evidence.py . --key KEY

`verify_evidence.py` needs Python 3.9 and nothing else; it is written to be read before it is run. KEY is
the log's public key (`name+id+base64`). **Get it from somebody else than whoever gave you this folder**: the
file `keys` only says what they state. Exit codes: 0 everything holds, 1 something does not, 4 it could
not be established.

## What is asked for, and what is covered

{asked}

{covered}

## What it proves

- {complete}
- No event was changed since it was sealed: each line's SHA-256 is in its block, each block's header carries
  the Merkle root (RFC 6962) of those hashes, and each header names the SHA-256 of the one before it.
- {signed}

## What it does not prove

- That everything that happened was recorded, nor that what was recorded is true: the log holds what the
  database saw.
- When it happened, beyond the word of the database's clock, unless the verdict says `bracketed`: then
  witnesses saw the log before the first and after the last of these blocks, at the times that it prints.
- That the tenant's log ends here: blocks that were sealed later are not in this folder. Absence is proved
  for the blocks that are in it, and for nothing else. An event of a long transaction is sealed when the
  transaction ends, so it may stand in a later block than others of its time.
- Operations, columns and rows that a table's declaration leaves out: `recorded` in `tables.json` states them,
  each as of a control event of the log.
- Names of tables and columns: `tables.json` is the database's own statement; events name tables by number.
- Who acted, beyond what the application told: `actor_id` is its statement; `db_user` in `context` is
  the database's own.

## By hand

    sed -n 1p events.jsonl | tr -d '\\n' | sha256sum          # the hash in event_hashes of its block
    sed -n 1p blocks.jsonl | tr -d '\\n' | sha256sum          # prev_hash in the header on the next line
    sha256sum -c <(python3 -c "import json; [print(h + '  ' + n) for n, h in
        json.load(open('manifest.json'))['files'].items()]")

| file | holds |
|---|---|
| `events.jsonl` | the events, one a line, with the very bytes that were hashed |
| `blocks.jsonl` | headers of the tenant's blocks, one a line, with the very bytes that were hashed |
| `block-events.jsonl` | ids and hashes (32 bytes each, hex) of each block's events; null beside a range |
| `log/inclusion.jsonl` | each block's place in the log of all tenants, and the hashes that prove it |
| `log/consistency.json` | that each checkpoint's log is the beginning of the next one's |
| `checkpoints/` | the log's size and root as they were signed (c2sp.org/tlog-checkpoint) |
| `keys` | public keys, as stated |
| `tables.json` | names and columns of the tables, and what of them was recorded since when, as stated |
| `personal.jsonl` | where asked for: personal values with the salts of their commitments |
| `manifest.json` | what was asked for, counts, what is not covered, and the SHA-256 of every file |

The commitment of an event is the SHA-256 of the salt's 32 bytes and the text; a personal key's digest
likewise. `tenant_salt` in the manifest, followed by the tenant's name, gives `tenant` in the headers. Other
tenants appear as hashes alone.
"""


def readme(request: Request, scope: Scope, left_out: dict[str, Any]) -> str:
    """The text for this request."""
    return _TEXT.format(
        asked=_asked(request),
        covered=_covered(scope, left_out),
        complete=_complete(request),
        signed=_signed(scope),
    )


def _asked(request: Request) -> str:
    if request.kind == "events":
        return "Single events were asked for; `manifest.json` names them and the tenant."
    if request.kind == "all":
        return "The tenant's whole log was asked for; `manifest.json` names the tenant."
    since = request.since.isoformat() if request.since else "the beginning"
    until = request.until.isoformat() if request.until else "the end"
    return (
        f"What happened from {since} to before {until} was asked for; it is rounded out to whole blocks,"
        " so some events from before or after are here too."
    )


def _covered(scope: Scope, left_out: dict[str, Any]) -> str:
    later, unsealed = left_out["sealed_after_the_checkpoint"], left_out["not_sealed"]
    return (
        f"When the folder was written, {later:,} events of the tenant had been sealed after the newest"
        f" checkpoint, and {unsealed:,} were not sealed yet: they are not here."
        if scope.checkpoints
        else f"When the folder was written, {unsealed:,} events of the tenant were not sealed yet: they are"
        " not here."
    )


def _complete(request: Request) -> str:
    if request.kind == "events":
        return "These events are in the tenant's log. Nothing is shown about events that are not here."
    if request.kind == "all":
        return (
            "No event is left out between the tenant's first block and the last one here: the blocks are"
            " numbered, linked, and each tells how many events it has."
        )
    return (
        "No event is left out in the blocks from the first to the last one here: they are numbered, linked,"
        " and each tells how many events it has. An event happens before its block is sealed: the header of"
        " the block before them is from before the range, and a block that was sealed after it is here,"
        " unless the verdict notes that nothing is shown from some time on. What a long transaction did may"
        " still be in a later block, see below."
    )


def _signed(scope: Scope) -> str:
    if not scope.checkpoints:
        return (
            "**The evidence is not signed**: no checkpoint had been published. It is consistent in itself,"
            " which whoever controls the database could have arranged afterwards."
        )
    return (
        "All of it was there when the log's key signed the checkpoint: whoever rewrites it later needs that"
        " key, and cannot bring it into line with a checkpoint that somebody else kept. If you have one, give"
        " it with `--anchor FILE`."
    )
