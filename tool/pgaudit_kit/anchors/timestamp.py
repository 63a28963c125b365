"""An authority of RFC 3161 says when a checkpoint was there; its answers are kept beside the checkpoints.

`<sha256 of the origin>/checkpoints/<size>` is what was stamped, `…/timestamps/<size>.tsr` the answer, so that
`openssl ts -verify -data … -in … -CAfile …` checks it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pgaudit_kit.anchor_specs import TimestampAnchor
from pgaudit_kit.anchors.errors import AnchorFailed, failing
from pgaudit_kit.anchors.folder import FolderShelf
from pgaudit_kit.anchors.http import ask
from pgaudit_kit.anchors.model import Found, Prove, own_note, shelf_name, size_name
from pgaudit_kit.anchors.shelf import publish
from pgaudit_kit.errors import ConfigError, MissingExtra
from pgaudit_kit.stores import FolderStore, StoreFailed


class Timestamp:
    """An authority, believed as far as its certificate leads to one of `ca_file`."""

    def __init__(self, spec: TimestampAnchor) -> None:
        """Take the configuration; MissingExtra or ConfigError where answers could not be checked."""
        self.name = spec.name
        self._url, self._timeout_s = spec.url, spec.timeout_s
        self._store = FolderStore(Path(spec.path))
        _client()
        self._certificates = _certificates(spec.ca_file, self.name)
        self._shelves: dict[str, FolderShelf] = {}

    def publish(self, note: bytes, prove: Prove) -> bytes:
        """Have the checkpoint stamped, unless it is: see Anchor."""
        _, checkpoint = own_note(note, self.name)
        key = _token_key(checkpoint.origin, checkpoint.size)
        with failing(self.name):
            shelf = self._shelves.setdefault(checkpoint.origin, FolderShelf(self._store, checkpoint.origin))
            publish(shelf, note, prove, name=self.name)
            # what is stamped is the file as it is, also where its cosignatures are others than ours
            held = shelf.read(checkpoint.size) or b""
            token = self._store.read(key)
            if token is None:
                self._store.create(key, self._stamped(held))
            else:
                self._time(token, held, at=self._store.where(key))
        return b""

    def found(self, origin: str, since: int = 0) -> Iterator[Found]:
        """Every checkpoint in the folder, with its token where it has one."""
        shelf = FolderShelf(self._store, origin)
        with failing(self.name):
            for name in shelf.names(since):
                yield self._with_token(shelf.found(name), f"{shelf_name(origin)}/timestamps/{name}.tsr")

    def _with_token(self, found: Found, key: str) -> Found:
        if found.problem is not None:
            return found
        try:
            token = self._store.read(key)
            if token is None:
                return Found(found.note, found.where)  # the authority may have been away
            at = self._time(token, found.note, at=self._store.where(key))
        except (AnchorFailed, StoreFailed) as error:
            return Found(found.note, found.where, problem=f"its timestamp is not good: {error.message}")
        return Found(found.note, found.where, at, token)

    def _stamped(self, note: bytes) -> bytes:
        """An answer of the authority over these bytes, checked, the nonce too."""
        client = _client()
        builder = client.TimestampRequestBuilder().hash_algorithm(client.HashAlgorithm.SHA256)
        request = builder.data(note).build()
        reply = ask(
            self._url,
            body=request.as_bytes(),
            timeout_s=self._timeout_s,
            headers={"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"},
        )
        if reply.status != 200:
            raise AnchorFailed(
                f"Anchor {self.name}: the authority answered {reply.words!r}.",
                at=self._url,
                hint="Check the URL; some authorities limit how often they may be asked.",
            )
        self._time(reply.body, note, at=self._url, nonce=request.nonce)
        return reply.body

    def _time(self, token: bytes, note: bytes, *, at: str, nonce: int | None = None) -> datetime:
        """When the authority says that it saw these bytes; AnchorFailed where it does not truly say so."""
        client = _client()
        builder = client.VerifierBuilder(nonce=nonce)
        for certificate in self._certificates:
            if certificate.issuer == certificate.subject:
                builder = builder.add_root_certificate(certificate)
            else:
                builder = builder.add_intermediate_certificate(certificate)
        try:
            response = client.decode_timestamp_response(token)
            if response.status != client.PKIStatus.GRANTED:
                reason = " ".join(response.status_string) or response.status
                raise ValueError(f"the authority refused: {reason}")
            builder.build().verify_message(response, note)
            time: datetime = response.tst_info.gen_time
        except (ValueError, client.VerificationError) as error:
            raise AnchorFailed(
                f"Anchor {self.name}: the timestamp does not hold: {error}.",
                at=at,
                hint="It is checked with ca_file, which must hold the authority's root certificate.",
            ) from error
        return time


def _token_key(origin: str, size: int) -> str:
    return f"{shelf_name(origin)}/timestamps/{size_name(size)}.tsr"


def _client() -> Any:
    try:
        import rfc3161_client
    except ImportError:
        raise MissingExtra(
            "Timestamps need the package rfc3161-client.",
            hint="Install it: pip install 'pgaudit-kit[timestamp]'.",
        ) from None
    return rfc3161_client


def _certificates(path: str, name: str) -> list[Any]:
    from cryptography import x509  # rfc3161-client brings it

    try:
        found = x509.load_pem_x509_certificates(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"Anchor {name}: the certificates cannot be read: {error.strerror}.", at=path
        ) from error
    except ValueError as error:
        raise ConfigError(f"Anchor {name}: the file holds no certificate in PEM.", at=path) from error
    if not any(one.issuer == one.subject for one in found):
        raise ConfigError(f"Anchor {name}: the file holds no root certificate.", at=path)
    return list(found)
