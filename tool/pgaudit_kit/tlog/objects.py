"""What the export asks of a store."""

from __future__ import annotations

from typing import Protocol


class ObjectStore(Protocol):
    """Objects by key, such as `tile/0/x001/234`. An object is there whole or not at all."""

    def where(self, key: str) -> str:
        """The object's place, for people."""

    def read(self, key: str) -> bytes | None:
        """The object's bytes; None where there is none."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    def create(self, key: str, body: bytes) -> bool:
        """Write the object where there is none; False where there is one, which stays as it is."""

    def replace(self, key: str, body: bytes) -> None:
        """Write the object in place of what is there."""
