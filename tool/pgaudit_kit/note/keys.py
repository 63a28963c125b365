"""Keys that sign notes: their names, their ids, and what they sign."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from pgaudit_kit.errors import MissingExtra
from pgaudit_kit.note.errors import NoteMalformed, from_base64, to_base64

ED25519 = 0x01
"""Ed25519 over the note's text (c2sp.org/signed-note)."""
COSIGNATURE = 0x04
"""Timestamped Ed25519 cosignature of a checkpoint (c2sp.org/tlog-cosignature)."""

_KEY_BYTES = 32
_SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 72}
_HEX_ID = re.compile(r"[0-9a-f]{8}")
_LATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name, its id (4 bytes), and what it signed with."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line, its newline included."""
        return f"\u2014 {self.name} {to_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key: who it is, how it signs, and its 32 bytes."""

    name: str
    algorithm: int
    public: bytes

    def __post_init__(self) -> None:
        """Refuse what no signature line could name."""
        if not is_key_name(self.name):
            raise NoteMalformed("a key's name is not empty and has neither space nor plus")
        if self.algorithm not in _SIGNATURE_BYTES:
            raise NoteMalformed(f"signature type {self.algorithm:#04x} is neither Ed25519 nor a cosignature")
        if len(self.public) != _KEY_BYTES:
            raise NoteMalformed(f"an Ed25519 key has 32 bytes, not {len(self.public)}")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || newline || type || key), the first four bytes."""
        named = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return sha256(named).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text: name+id+base64(type || key)."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.algorithm]) + self.public)}"

    def verifies(self, text: str, signature: Signature) -> bool:
        """Whether this key made the signature over the note's text."""
        if (signature.name, signature.key_id) != (self.name, self.key_id):
            return False
        value = signature.value
        if len(value) != _SIGNATURE_BYTES[self.algorithm]:
            return False
        if self.algorithm == ED25519:
            return _verify(self.public, value, text.encode())
        time = struct.unpack(">Q", value[:8])[0]
        return time <= _LATEST and _verify(self.public, value[8:], _cosigned(text, time))


def parse_vkey(text: str) -> VerifierKey:
    """Read a key's text; NoteMalformed where it is none, or its id is another key's."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not _HEX_ID.fullmatch(parts[1]):
        raise NoteMalformed("a verifier key is name+id+base64, the id eight digits of hex")
    value = from_base64(parts[2], "the verifier key")
    if not value:
        raise NoteMalformed("the verifier key is empty")
    key = VerifierKey(parts[0], value[0], value[1:])
    if key.key_id.hex() != parts[1]:
        raise NoteMalformed(f"the verifier key's id is {key.key_id.hex()}, not {parts[1]}")
    return key


def cosigned_at(signature: Signature) -> int:
    """When a cosignature was made, in seconds since 1970; only for one that was verified."""
    return int(struct.unpack(">Q", signature.value[:8])[0])


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key: 32 bytes that must not leave the signer's machine."""

    name: str
    seed: bytes = field(repr=False)
    algorithm: int = ED25519

    @classmethod
    def generate(cls, name: str, algorithm: int = ED25519) -> SigningKey:
        """A new key. NoteMalformed for a name that no note could carry."""
        private, _, _ = _ed25519()
        key = cls(name, private.generate().private_bytes_raw(), algorithm)
        _ = key.verifier  # refuses the name
        return key

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read `PRIVATE+KEY+name+id+base64(type || seed)`, the text that Go's note package writes."""
        parts = text.strip().split("+", 4)
        if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"] or not _HEX_ID.fullmatch(parts[3]):
            raise NoteMalformed("a signing key is PRIVATE+KEY+name+id+base64")
        value = from_base64(parts[4], "the signing key")
        if len(value) != 1 + _KEY_BYTES:
            raise NoteMalformed(f"the signing key has {len(value)} bytes instead of 33")
        key = cls(parts[2], value[1:], value[0])
        if key.verifier.key_id.hex() != parts[3]:
            raise NoteMalformed("the signing key's id is not its own: the text was damaged")
        return key

    @property
    def text(self) -> str:
        """The key as text, to be kept where nobody else reads it."""
        verifier = self.verifier
        secret = to_base64(bytes([self.algorithm]) + self.seed)
        return f"PRIVATE+KEY+{self.name}+{verifier.key_id.hex()}+{secret}"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        private, _, _ = _ed25519()
        public = private.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.algorithm, public)

    def sign(self, text: str) -> Signature:
        """Sign a note's text, which ends in a newline."""
        if self.algorithm != ED25519:
            raise ValueError("a cosigner's key signs nothing but cosignatures")
        return self._signature(self._sign(text.encode()))

    def cosign(self, text: str, time: int) -> Signature:
        """Cosign a checkpoint's text as of `time`, in seconds since 1970."""
        if self.algorithm != COSIGNATURE:
            raise ValueError("only a cosigner's key makes cosignatures")
        if not 0 <= time <= _LATEST:
            raise ValueError(f"{time} is not a time")
        return self._signature(struct.pack(">Q", time) + self._sign(_cosigned(text, time)))

    def _sign(self, message: bytes) -> bytes:
        private, _, _ = _ed25519()
        signature: bytes = private.from_private_bytes(self.seed).sign(message)
        return signature

    def _signature(self, value: bytes) -> Signature:
        return Signature(self.name, self.verifier.key_id, value)


def is_key_name(name: str) -> bool:
    """Whether a note can carry the name: not empty, no space, no plus, no control character."""
    return bool(name) and not any(
        char.isspace() or char == "+" or ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in name
    )


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _verify(public: bytes, signature: bytes, message: bytes) -> bool:
    _, key, invalid = _ed25519()
    try:
        key.from_public_bytes(public).verify(signature, message)
    except (invalid, ValueError):
        return False
    return True


def _ed25519() -> tuple[Any, Any, type[Exception]]:
    """Private key, public key and the exception for a signature that is not good."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    except ImportError:
        raise MissingExtra(
            "Signatures need the package cryptography.",
            hint="Install it: pip install 'pgaudit-kit[sign]'.",
        ) from None
    return Ed25519PrivateKey, Ed25519PublicKey, InvalidSignature
