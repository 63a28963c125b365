"""Another implementation, sigstore's, reads and verifies our checkpoints and inclusion proofs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore._internal.trust import Keyring
from sigstore.errors import VerificationError
from sigstore_models.common import v1 as common

from pgaudit_kit.note import SigningKey
from tests.sealing import one
from tests.signing.conftest import ORIGIN, Signing


def keyring(key: SigningKey) -> Any:
    """The key as sigstore's trust root would hold it."""
    public = Ed25519PublicKey.from_public_bytes(key.verifier.public)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    details = common.PublicKeyDetails.PKIX_ED25519
    return Keyring([SimpleNamespace(raw_bytes=der, key_details=details)])  # type: ignore[list-item]


def test_a_checkpoint_is_read_and_its_signature_verified(signing: Signing) -> None:
    outcome = signing.signer().run()
    assert outcome
    read = SignedCheckpoint.from_text(outcome.note.decode())
    assert (read.checkpoint.origin, read.checkpoint.log_size) == (ORIGIN, 6)
    assert read.checkpoint.log_hash == outcome.checkpoint.root.hex()
    key_id: Any = signing.key.verifier.key_id
    read.signed_note.verify(keyring(signing.key), key_id)
    with pytest.raises(VerificationError):
        read.signed_note.verify(keyring(SigningKey.generate(ORIGIN)), key_id)


@pytest.mark.parametrize("index", range(6))
def test_an_inclusion_proof_leads_to_the_signed_root(signing: Signing, index: int) -> None:
    outcome = signing.signer().run()
    assert outcome
    proof = [bytes(node) for node in one(signing.db, "SELECT audit.log_inclusion(%s, 6)", [index])]
    header = one(signing.db, "SELECT header FROM audit.blocks WHERE log_index = %s", [index]).encode()
    inclusion = SimpleNamespace(log_index=index, tree_size=6, hashes=proof, root_hash=outcome.checkpoint.root)
    entry = SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=inclusion, canonicalized_body=header))
    verify_merkle_inclusion(entry)  # type: ignore[arg-type]
    entry._inner.canonicalized_body = header + b" "
    with pytest.raises(VerificationError):
        verify_merkle_inclusion(entry)  # type: ignore[arg-type]
