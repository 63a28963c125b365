"""What `witness serve` takes: where to listen, and for which logs."""

from __future__ import annotations

import re
from typing import Any

from pgaudit_kit.errors import UsageError
from pgaudit_kit.note import ED25519, NoteMalformed, VerifierKey, parse_vkey
from pgaudit_kit.witness import Witness, WitnessServer


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT, an IPv6 address in brackets."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", text)
    if not found or int(found[3]) > 65_535:
        raise UsageError(f"{text!r} is not HOST:PORT.", hint="Like 127.0.0.1:8300 or [::1]:8300.")
    return found[1] or found[2], int(found[3])


def log_key(text: str) -> VerifierKey:
    """Read a log's public key."""
    try:
        key = parse_vkey(text)
    except NoteMalformed as error:
        raise UsageError(
            f"--log: {error}.", hint="`pgaudit-kit key show` prints it where the log is signed."
        ) from error
    if key.algorithm != ED25519:
        raise UsageError(
            f"--log: {text} is a witness's key, not a log's.",
            hint="`pgaudit-kit key show` prints the right one where the log is signed.",
        )
    return key


def listening(host: str, port: int, witness: Witness, say: Any) -> WitnessServer:
    """Open the port, or say why it cannot be had."""
    try:
        return WitnessServer(host, port, witness, say)
    except OSError as error:
        raise UsageError(
            f"Cannot listen at {host}:{port}: {error.strerror or error}.", hint="Name another with --listen."
        ) from error
