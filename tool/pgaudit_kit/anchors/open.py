"""From a configuration's entry to the anchor."""

from __future__ import annotations

from pgaudit_kit.anchor_specs import AnchorSpec, FolderAnchor, PostgresAnchor, S3Anchor, WitnessAnchor
from pgaudit_kit.anchors.bucket import Bucket
from pgaudit_kit.anchors.folder import Folder
from pgaudit_kit.anchors.model import Anchor
from pgaudit_kit.anchors.postgres import Postgres
from pgaudit_kit.anchors.timestamp import Timestamp
from pgaudit_kit.anchors.witness import Witness


def open_anchor(spec: AnchorSpec) -> Anchor:
    """The anchor of this entry; nothing is asked of a network before it is used."""
    match spec:
        case FolderAnchor():
            return Folder(spec)
        case S3Anchor():
            return Bucket(spec)
        case PostgresAnchor():
            return Postgres(spec)
        case WitnessAnchor():
            return Witness(spec)
        case _:
            return Timestamp(spec)
