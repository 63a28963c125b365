"""Inclusion and consistency proofs: the public vectors, every tree up to 40 leaves, and random mutations."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import merkle

VECTORS = Path(__file__).parent / "vectors"
LEAVES = [bytes([number]) for number in range(40)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
ROOTS = [merkle.root(LEAVES[:size]) for size in range(41)]


def vectors(name: str) -> list[list[Any]]:
    rows: list[list[Any]] = json.loads((VECTORS / f"{name}.json").read_text())
    return rows


def unhex(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def test_the_public_sets_are_whole() -> None:
    sizes = {
        name: (len(rows), sum(row[-1] for row in rows))
        for name in ("inclusion", "consistency")
        if (rows := vectors(name))
    }
    assert sizes == {"inclusion": (98, 6), "consistency": (98, 6)}


@pytest.mark.parametrize("row", vectors("inclusion"), ids=lambda row: str(row[0]).replace(" ", "-"))
def test_public_inclusion_vectors(row: list[Any]) -> None:
    _, index, size, leaf, proof, root, holds = row
    found = merkle.verify_inclusion(bytes.fromhex(leaf), index, size, unhex(proof), bytes.fromhex(root))
    assert found is holds


@pytest.mark.parametrize("row", vectors("consistency"), ids=lambda row: str(row[0]).replace(" ", "-"))
def test_public_consistency_vectors(row: list[Any]) -> None:
    _, old, new, proof, old_root, new_root, holds = row
    roots = unhex([old_root, new_root])
    assert merkle.verify_consistency(old, new, unhex(proof), *roots) is holds


@pytest.mark.parametrize("size", range(1, 41))
def test_each_leaf_is_proved_at_its_place_and_nowhere_else(size: int) -> None:
    for index in range(size):
        proof = merkle.inclusion_proof(HASHES[:size], index)
        placed = [
            at for at in range(size) if merkle.verify_inclusion(HASHES[index], at, size, proof, ROOTS[size])
        ]
        assert placed == [index]


@pytest.mark.parametrize("size", range(1, 41))
def test_each_prefix_is_proved_and_no_other_size(size: int) -> None:
    for old in range(1, size + 1):
        proof = merkle.consistency_proof(HASHES[:size], old)
        accepted = [
            claimed
            for claimed in range(size + 1)
            if merkle.verify_consistency(claimed, size, proof, ROOTS[old], ROOTS[size])
        ]
        assert accepted == [old]


@given(st.integers(2, 40), st.data())
def test_a_proof_with_one_bit_turned_proves_nothing(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(HASHES[:size], index)
    at, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    node = bytearray(proof[at])
    node[bit // 8] ^= 1 << bit % 8
    proof[at] = bytes(node)
    assert not merkle.verify_inclusion(HASHES[index], index, size, proof, ROOTS[size])


@pytest.mark.parametrize("length", [0, 31, 33])
def test_hashes_of_another_length_prove_nothing(length: int) -> None:
    proof = [bytes(length)]
    assert not merkle.verify_inclusion(HASHES[0], 0, 2, proof, ROOTS[2])
    assert not merkle.verify_consistency(1, 2, proof, ROOTS[1], ROOTS[2])


@pytest.mark.parametrize("size", range(41))
def test_a_tree_goes_on_from_its_peaks(size: int) -> None:
    tree = merkle.Tree()
    for leaf in LEAVES[:size]:
        tree.append(leaf)
    again = merkle.Tree.from_peaks(size, tree.peaks)
    assert again.root() == ROOTS[size]
    for leaf in LEAVES[size:]:
        again.append(leaf)
    assert again.root() == ROOTS[40]


def test_peaks_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="2 peaks"):
        merkle.Tree.from_peaks(4, [bytes(32), bytes(32)])
    with pytest.raises(ValueError, match="1 peaks"):
        merkle.Tree.from_peaks(4, [bytes(31)])
