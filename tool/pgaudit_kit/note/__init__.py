"""Signed notes, checkpoints and cosignatures, to the byte as C2SP specifies them.

Pure: bytes and text in, values out. Ed25519 comes from the package `cryptography`, the extra `sign`.
Sources: c2sp.org/signed-note v1.0.0, tlog-checkpoint v1.0.0, tlog-cosignature v1.0.1.
"""

from pgaudit_kit.note.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint
from pgaudit_kit.note.errors import NoteMalformed
from pgaudit_kit.note.keys import (
    COSIGNATURE,
    ED25519,
    Signature,
    SigningKey,
    VerifierKey,
    cosigned_at,
    is_key_name,
    parse_vkey,
)
from pgaudit_kit.note.signed import Note, open_note, parse_note, parse_signatures, signed_by

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "Checkpoint",
    "Note",
    "NoteMalformed",
    "Signature",
    "SigningKey",
    "VerifierKey",
    "checkpoint_text",
    "cosigned_at",
    "is_key_name",
    "open_note",
    "parse_checkpoint",
    "parse_note",
    "parse_signatures",
    "parse_vkey",
    "signed_by",
]
