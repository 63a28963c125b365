"""What is wrong with a note, and base64 read strictly."""

from __future__ import annotations

import base64
import binascii


class NoteMalformed(ValueError):
    """The bytes are not what the specification allows, or a signature is not what it claims."""


def from_base64(text: str, what: str) -> bytes:
    """Decode standard base64 with padding; NoteMalformed for any other spelling of the same bytes."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteMalformed(f"{what} is not base64") from None
    if to_base64(value) != text:
        raise NoteMalformed(f"{what} is not base64 in its one form")
    return value


def to_base64(value: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(value).decode("ascii")
