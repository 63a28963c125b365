"""What an anchor answers where it does not take a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pgaudit_kit.errors import KitError


class AnchorFailed(KitError):
    """The anchor did not take the checkpoint."""

    exit_code = 4


class AnchorConflict(AnchorFailed):
    """The anchor holds a checkpoint that this log cannot have had: there are two histories."""

    exit_code = 1
    hint = (
        "Keep both checkpoints: they are evidence. The log was rewritten or restored from a backup, or two"
        " copies of it sign as one. Run `pgaudit-kit verify`, and do not sign on before it is explained."
    )

    def __init__(self, message: str | None = None, *, other: bytes = b"", at: str | None = None) -> None:
        """Take the other checkpoint as the anchor holds it; empty where it shows none."""
        super().__init__(message, at=at)
        self.other = other


class AnchorAhead(AnchorFailed):
    """The anchor holds a larger checkpoint already, so that this one comes too late."""

    hint = (
        "Where a second signer was faster, nothing is lost: the larger checkpoint covers this one. Where the"
        " log itself is smaller, it was restored from a backup or cut: run `pgaudit-kit verify`."
    )

    def __init__(self, message: str, *, size: int, other: bytes = b"", at: str | None = None) -> None:
        """Take the size of the anchor's checkpoint, and the checkpoint where it shows it."""
        super().__init__(message, at=at)
        self.size, self.other = size, other


@contextmanager
def failing(name: str) -> Iterator[None]:
    """Say which anchor it was that failed."""
    try:
        yield
    except AnchorFailed:
        raise
    except KitError as error:
        raise AnchorFailed(f"Anchor {name}: {error.message}", hint=error.hint, at=error.at) from error
