"""Merkle trees: RFC 6962's known answers, and three ways to the same root."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import merkle
from pgaudit_kit.evidence import verify_evidence

# the public test set of RFC 6962 implementations, and its root after each leaf
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]


def rfc_6962(leaves: list[bytes]) -> bytes:
    """The definition in section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + rfc_6962(leaves[:k]) + rfc_6962(leaves[k:])).digest()


def tree_root(leaves: list[bytes]) -> bytes:
    tree = merkle.Tree()
    for leaf in leaves:
        tree.append(leaf)
    assert tree.size == len(leaves)
    return tree.root()


def test_empty_root_is_the_hash_of_nothing():
    assert merkle.EMPTY_ROOT.hex() == ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert merkle.root([]) == merkle.root_of_concatenated(b"") == merkle.EMPTY_ROOT
    assert tree_root([]) == merkle.EMPTY_ROOT


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (b"L123456", "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"),
    ],
)
def test_leaf_hash_known_answers(data: bytes, digest: str):
    assert merkle.leaf_hash(data).hex() == digest


def test_node_hash_known_answer():
    """Ours takes 32-byte children alone; the stand-alone verifier's takes any."""
    digest = verify_evidence.node(b"N123", b"N456").hex()
    assert digest == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


def test_leaf_and_node_of_the_same_bytes_differ():
    left, right = bytes(32), bytes(32)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@pytest.mark.parametrize("function", [merkle.root, tree_root, rfc_6962])
def test_eight_leaves_known_root(function):
    assert function(LEAVES).hex() == ("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_levels_tree_and_definition_agree(leaves: list[bytes]):
    assert merkle.root(iter(leaves)) == tree_root(leaves) == rfc_6962(leaves)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_concatenated_hashes_are_the_leaf_data(hashes: list[bytes]):
    assert merkle.root_of_concatenated(b"".join(hashes)) == rfc_6962(hashes)


def test_every_size_up_to_300_agrees_while_the_tree_grows():
    tree = merkle.Tree()
    leaves = [number.to_bytes(32, "big") for number in range(300)]
    for size, leaf in enumerate(leaves, start=1):
        tree.append(leaf)
        assert tree.root() == rfc_6962(leaves[:size])
        assert tree.root() == merkle.root_of_concatenated(b"".join(leaves[:size]))


def test_the_tree_keeps_a_hash_for_each_set_bit_of_its_size():
    tree = merkle.Tree()
    for number in range(1_000):
        tree.append(bytes([number % 256]))
        assert len(tree._stack) == tree.size.bit_count()


@pytest.mark.parametrize("length", [1, 31, 33, 65])
def test_broken_concatenation_is_refused(length: int):
    with pytest.raises(ValueError, match=f"{length} bytes"):
        merkle.root_of_concatenated(bytes(length))


def test_node_of_a_short_child_is_refused():
    with pytest.raises(ValueError, match="32 bytes each"):
        merkle.node_hash(bytes(32), bytes(31))
