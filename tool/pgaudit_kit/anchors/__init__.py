"""Where checkpoints go so that they outlive the database, and how what was left there is found again."""

from pgaudit_kit.anchors.errors import AnchorAhead, AnchorConflict, AnchorFailed
from pgaudit_kit.anchors.model import Anchor, Found, Prove
from pgaudit_kit.anchors.open import open_anchor
from pgaudit_kit.anchors.postgres import setup_sql

__all__ = [
    "Anchor",
    "AnchorAhead",
    "AnchorConflict",
    "AnchorFailed",
    "Found",
    "Prove",
    "open_anchor",
    "setup_sql",
]
