"""Signs the log with a key from outside the database, and publishes the checkpoints."""

from pgaudit_kit.signing.key_file import generate_key, read_key, rotation_note
from pgaudit_kit.signing.log import SignedLog
from pgaudit_kit.signing.loop import SigningLoop
from pgaudit_kit.signing.signer import LogForked, Outcome, Signer
from pgaudit_kit.signing.state import State, StateFile

__all__ = [
    "LogForked",
    "Outcome",
    "SignedLog",
    "Signer",
    "SigningLoop",
    "State",
    "StateFile",
    "generate_key",
    "read_key",
    "rotation_note",
]
