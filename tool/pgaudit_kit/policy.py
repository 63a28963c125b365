"""policy.toml: what a verifier trusts, written down outside the database by whoever verifies."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path

import msgspec

from pgaudit_kit.anchor_specs import AnchorSpec, check_distinct
from pgaudit_kit.errors import ConfigError, KitError
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.note import (
    COSIGNATURE,
    ED25519,
    NoteMalformed,
    VerifierKey,
    is_key_name,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    signed_by,
)
from pgaudit_kit.timeouts import milliseconds


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """Unknown entries are errors: a misspelt `quorum` must not pass in silence."""


class LogKey(_Strict, frozen=True, kw_only=True):
    """A key of the log, and the sizes of checkpoints that it may sign: from_size <= size < to_size."""

    vkey: str
    from_size: int = 0
    to_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no key of a log."""
        if self.verifier.algorithm != ED25519:
            raise ValueError(f"{self.vkey!r:.80} is a witness's key, not a log's")
        if self.from_size < 0 or (self.to_size is not None and self.to_size <= self.from_size):
            raise ValueError("from_size must be below to_size")

    @cached_property
    def verifier(self) -> VerifierKey:
        """The key, read."""
        return _vkey(self.vkey)

    def signs(self, size: int) -> bool:
        """Whether a checkpoint of this size may carry its signature."""
        return self.from_size <= size and (self.to_size is None or size < self.to_size)


class Witness(_Strict, frozen=True, kw_only=True):
    """A witness whose cosignature counts."""

    vkey: str

    def __post_init__(self) -> None:
        """Refuse what is no witness's key."""
        if self.verifier.algorithm != COSIGNATURE:
            raise ValueError(f"{self.vkey!r:.80} is a log's key, not a witness's")

    @cached_property
    def verifier(self) -> VerifierKey:
        """The key, read."""
        return _vkey(self.vkey)


class Policy(_Strict, frozen=True, kw_only=True):
    """The whole of policy.toml."""

    origin: str | tuple[str, ...]
    """The log's name; several where it was restored on purpose, the newest last."""
    keys: tuple[LogKey, ...]
    freshness: str = "1h"
    """How old the newest checkpoint may be."""
    quorum: int = 0
    """How many witnesses must have cosigned the newest checkpoint that counts."""
    witnesses: tuple[Witness, ...] = ()
    anchors: tuple[AnchorSpec, ...] = ()
    """Where checkpoints are looked for."""
    tables: tuple[str, ...] = ()
    """Tables that must be audited."""

    def __post_init__(self) -> None:
        """Refuse what could never be met."""
        if not self.origins or not all(map(is_key_name, self.origins)):
            raise ValueError("origin is not like 'audit.example.com/shop'")
        if not self.keys:
            raise ValueError("keys must name at least one key of the log")
        if not 0 <= self.quorum <= len(self.witnesses):
            raise ValueError(f"quorum {self.quorum} of {len(self.witnesses)} witnesses can never be met")
        check_distinct(self.anchors)
        if milliseconds(self.freshness) == 0:
            raise ValueError("freshness must be a duration above 0")
        for name in self.tables:
            try:
                QualifiedName.parse(name)
            except KitError as error:
                raise ValueError(error.message) from None

    @property
    def origins(self) -> tuple[str, ...]:
        """The log's names, the newest last."""
        return (self.origin,) if isinstance(self.origin, str) else self.origin

    def signer_of(self, note: bytes) -> str | None:
        """Name and id of a key that signed the note, and may sign a checkpoint of its size and log."""
        try:
            read = parse_note(note)
            checkpoint = parse_checkpoint(read.text)
            keys = [key.verifier for key in self.keys if key.signs(checkpoint.size)]
            (signer, *_) = signed_by(read, keys)
        except NoteMalformed:
            return None
        return f"{signer.name}+{signer.key_id.hex()}" if checkpoint.origin in self.origins else None

    @property
    def freshness_s(self) -> float:
        """How old the newest checkpoint may be, in seconds."""
        return milliseconds(self.freshness) / 1000


def load_policy(path: Path) -> Policy:
    """Read and check the file; ConfigError says where it is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"The policy cannot be read: {reason}.", at=str(path)) from None
    try:
        return msgspec.convert(tomllib.loads(text), Policy)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The policy is not valid TOML: {error}.", at=str(path)) from None
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        raise ConfigError(
            f"{message}.", at=f"{path.name}: {place.rstrip('`')}" if place else path.name
        ) from None


def _vkey(text: str) -> VerifierKey:
    try:
        return parse_vkey(text)
    except NoteMalformed as error:
        raise ValueError(f"{text!r:.80}: {error}") from None
