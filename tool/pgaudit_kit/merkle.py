"""Merkle tree hashes of RFC 6962, section 2.1, over SHA-256.

Leaf data are byte strings of any length; every hash is 32 raw bytes. The block's tree has the
32-byte event hashes as leaf data, the log's tree the bytes of each block header.

- ``MTH({}) = SHA-256()``
- ``MTH({d}) = SHA-256(0x00 || d)``
- ``MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))``, k the largest power of two below n

Pairing neighbours level by level and promoting an odd last node unchanged gives the same tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
"""Bytes in a hash."""

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves (RFC 6962, section 2.1)."""


def leaf_hash(data: bytes) -> bytes:
    """Hash one leaf: SHA-256(0x00 || data), 32 bytes (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash one inner node from its children's 32-byte hashes (RFC 6962, section 2.1).

    Raises ValueError where a child is not 32 bytes long.
    """
    if len(left) != HASH_SIZE or len(right) != HASH_SIZE:
        raise ValueError(f"a node's children are 32 bytes each, not {len(left)} and {len(right)}")
    return sha256(b"\x01" + left + right).digest()


def root(leaf_data: Iterable[bytes]) -> bytes:
    """Root of the tree over all leaf data, 32 bytes; EMPTY_ROOT without leaves.

    Holds 32 bytes for each leaf in memory; `Tree` does not.
    """
    return fold([sha256(b"\x00" + data).digest() for data in leaf_data])


def root_of_concatenated(hashes: bytes) -> bytes:
    """Root of the tree whose leaf data are consecutive 32-byte pieces of `hashes`.

    The pieces are leaf data, so each is hashed once more as a leaf. Returns 32 bytes.
    Raises ValueError where the length is not a multiple of 32.
    """
    if len(hashes) % HASH_SIZE:
        raise ValueError(f"{len(hashes)} bytes are not a whole number of 32-byte hashes")
    return fold(
        [
            sha256(b"\x00" + hashes[start : start + HASH_SIZE]).digest()
            for start in range(0, len(hashes), HASH_SIZE)
        ]
    )


def fold(level: list[bytes]) -> bytes:
    """Pair a level's nodes until one is left; EMPTY_ROOT of none."""
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        nodes = iter(level)
        # zip drops an odd last node, which moves up unchanged
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(nodes, nodes)]  # noqa: B905
        level += odd
    return level[0]


class Tree:
    """A tree that grows by appending and keeps only log2(size) hashes (a compact range).

    The stack holds the roots of the perfect subtrees, largest first, one for each set bit of
    `size`: the same left-to-right decomposition that RFC 6962, section 2.1 defines with k.
    """

    __slots__ = ("_size", "_stack")

    def __init__(self) -> None:
        """Start without leaves."""
        self._size = 0
        self._stack: list[bytes] = []

    @property
    def size(self) -> int:
        """Number of leaves appended."""
        return self._size

    def append(self, data: bytes) -> None:
        """Append one leaf with these data."""
        self.append_hash(leaf_hash(data))

    def append_hash(self, leaf: bytes) -> None:
        """Append one leaf by its hash (32 bytes, not checked)."""
        current = leaf
        size = self._size
        while size & 1:
            current = sha256(b"\x01" + self._stack.pop() + current).digest()
            size >>= 1
        self._stack.append(current)
        self._size += 1

    def root(self) -> bytes:
        """Root over everything appended so far, 32 bytes; the tree can go on growing."""
        if not self._stack:
            return EMPTY_ROOT
        current = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            current = sha256(b"\x01" + left + current).digest()
        return current

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the perfect subtrees, largest first: all that is needed to go on (32 bytes each)."""
        return tuple(self._stack)

    @classmethod
    def from_peaks(cls, size: int, peaks: Sequence[bytes]) -> Tree:
        """The tree of `size` leaves with these peaks; ValueError where they cannot be its own."""
        if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != HASH_SIZE for peak in peaks):
            raise ValueError(f"{len(peaks)} peaks cannot be those of a tree of {size} leaves")
        tree = cls()
        tree._size, tree._stack = size, list(peaks)
        return tree


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf `index`, from the leaf upwards (RFC 6962, section 2.1.1).

    Takes the hashes of all leaves, 32 bytes each. Raises IndexError where there is no such leaf.
    """
    if not 0 <= index < len(leaf_hashes):
        raise IndexError(f"a tree of {len(leaf_hashes)} leaves has no leaf {index}")
    proof = []
    low, high = 0, len(leaf_hashes)
    while high - low > 1:
        split = low + _split(high - low)
        left = index < split
        proof.append(fold(list(leaf_hashes[split:high] if left else leaf_hashes[low:split])))
        low, high = (low, split) if left else (split, high)
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that a tree with this root has this leaf hash at `index`.

    The algorithm of RFC 9162, section 2.1.3.2. False for whatever is malformed.
    """
    if not 0 <= index < size or not _hashes(leaf, root, *proof):
        return False
    at, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            current = node_hash(sibling, current)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and current == root


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Proof that the tree of the first `old_size` leaves is a prefix of this one (RFC 6962, section 2.1.2).

    Empty where both are the same. Raises ValueError unless 1 <= old_size <= size.
    """
    if not 1 <= old_size <= len(leaf_hashes):
        raise ValueError(f"no consistency proof leads from {old_size} leaves to {len(leaf_hashes)}")
    proof = []
    low, high, whole = 0, len(leaf_hashes), True
    while old_size < high:
        split = low + _split(high - low)
        if old_size <= split:
            proof.append(fold(list(leaf_hashes[split:high])))
            high = split
        else:
            proof.append(fold(list(leaf_hashes[low:split])))
            low, whole = split, False
    if not whole:
        proof.append(fold(list(leaf_hashes[low:high])))
    return proof[::-1]


def verify_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Whether the proof shows that the old tree is a prefix of the new one.

    The algorithm of RFC 9162, section 2.1.4.2. False for whatever is malformed, and for an old
    tree without leaves, about which a proof says nothing.
    """
    if 0 < old_size == new_size:
        return not proof and old_root == new_root
    if not 0 < old_size < new_size or not _hashes(old_root, new_root, *proof):
        return False
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _split(leaves: int) -> int:
    """The largest power of two below a number of leaves above one."""
    return 1 << (leaves - 1).bit_length() - 1


def _hashes(*values: bytes) -> bool:
    return all(isinstance(value, bytes) and len(value) == HASH_SIZE for value in values)
