"""A witness of c2sp.org/tlog-witness v1.0.0: cosigns a log's checkpoints while they tell one history."""

from pgaudit_kit.witness.ledger import Conflict, Ledger, LedgerFailed, Seen
from pgaudit_kit.witness.request import MOST_PROOF, AddCheckpoint, Malformed, parse_request
from pgaudit_kit.witness.rules import Reply, Witness
from pgaudit_kit.witness.server import MOST_BYTES, WitnessServer

__all__ = [
    "MOST_BYTES",
    "MOST_PROOF",
    "AddCheckpoint",
    "Conflict",
    "Ledger",
    "LedgerFailed",
    "Malformed",
    "Reply",
    "Seen",
    "Witness",
    "WitnessServer",
    "parse_request",
]
