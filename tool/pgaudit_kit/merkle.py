"""Merkle tree hashes of RFC 6962, section 2.1, over SHA-256.

Leaf data are byte strings of any length; every hash is 32 raw bytes. The block's tree has the
32-byte event hashes as leaf data, the log's tree the bytes of each block header.

- ``MTH({}) = SHA-256()``
- ``MTH({d}) = SHA-256(0x00 || d)``
- ``MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))``, k the largest power of two below n

Pairing neighbours level by level and promoting an odd last node unchanged gives the same tree.
"""

from collections.abc import Iterable
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
    return _root_of_level([sha256(b"\x00" + data).digest() for data in leaf_data])


def root_of_concatenated(hashes: bytes) -> bytes:
    """Root of the tree whose leaf data are consecutive 32-byte pieces of `hashes`.

    The pieces are leaf data, so each is hashed once more as a leaf. Returns 32 bytes.
    Raises ValueError where the length is not a multiple of 32.
    """
    if len(hashes) % HASH_SIZE:
        raise ValueError(f"{len(hashes)} bytes are not a whole number of 32-byte hashes")
    return _root_of_level(
        [
            sha256(b"\x00" + hashes[start : start + HASH_SIZE]).digest()
            for start in range(0, len(hashes), HASH_SIZE)
        ]
    )


def _root_of_level(level: list[bytes]) -> bytes:
    """Pair a level's nodes until one is left."""
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
        current = leaf_hash(data)
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
