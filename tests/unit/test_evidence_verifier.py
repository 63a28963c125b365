"""The single-file verifier's primitives: public vectors, RFC 8032, and the kit's own other implementation."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import merkle
from pgaudit_kit.evidence import verify_evidence as alone
from pgaudit_kit.note import SigningKey

VECTORS = Path(__file__).parent / "vectors"
HASHES = [merkle.leaf_hash(bytes([number])) for number in range(40)]
RFC_8032 = [  # section 7.1: public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


def rows(name: str) -> list[list[Any]]:
    found: list[list[Any]] = json.loads((VECTORS / f"{name}.json").read_text())
    return found


def unhex(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


@pytest.mark.parametrize("row", rows("inclusion"), ids=lambda row: str(row[0]).replace(" ", "-"))
def test_public_inclusion_vectors(row: list[Any]) -> None:
    _, index, size, leaf, proof, root, holds = row
    assert alone.included(bytes.fromhex(leaf), index, size, unhex(proof), bytes.fromhex(root)) is holds


@pytest.mark.parametrize("row", rows("consistency"), ids=lambda row: str(row[0]).replace(" ", "-"))
def test_public_consistency_vectors(row: list[Any]) -> None:
    _, old, new, proof, old_root, new_root, holds = row
    old_root, new_root = unhex([old_root, new_root])
    assert alone.begins(old, old_root, new, new_root, unhex(proof)) is holds


@pytest.mark.parametrize("size", range(1, 41))
def test_every_proof_of_small_trees(size: int) -> None:
    root = merkle.fold(HASHES[:size])
    for index in range(size):
        assert alone.included(HASHES[index], index, size, merkle.inclusion_proof(HASHES[:size], index), root)
        old = index + 1
        proof = merkle.consistency_proof(HASHES[:size], old)
        assert alone.begins(old, merkle.fold(HASHES[:old]), size, root, proof)


@given(st.integers(0, 70))
def test_the_root_of_a_block_is_the_kits(count: int) -> None:
    data = os.urandom(32 * count)
    assert alone.tree_root(data) == merkle.root_of_concatenated(data)


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_signatures_of_rfc_8032(public: str, message: str, signature: str) -> None:
    key, text, signed = unhex([public, message, signature])
    assert alone.ed25519(key, signed, text)
    assert not alone.ed25519(key, signed, text + b"\0")
    high = signed[:32] + (int.from_bytes(signed[32:], "little") + alone.L).to_bytes(32, "little")
    assert not alone.ed25519(key, high, text), "a second form of the same signature"
    assert not alone.ed25519(key, signed[:-1], text)


@given(st.binary(max_size=50), st.integers(0, 511))
def test_signatures_are_judged_as_cryptography_does(message: bytes, bit: int) -> None:
    key = SigningKey.generate("log")
    good = key.sign(message.hex() + "\n").value
    assert alone.ed25519(key.verifier.public, good, message.hex().encode() + b"\n")
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    assert not alone.ed25519(key.verifier.public, bytes(bad), message.hex().encode() + b"\n")


@pytest.mark.parametrize("text", ["", "a", "a+b", "a+00000000+AQ==", "a+b+c+d", "a+00000000+" + "A" * 44])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no such public key|base64|padding"):
        alone.Key(text)


def test_it_needs_the_standard_library_of_python_3_9_alone() -> None:
    source = Path(alone.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names
    assert "strict=" not in source  # newer than 3.9
