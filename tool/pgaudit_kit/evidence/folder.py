"""The files of a folder, with their SHA-256."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

EMPTY = ("events.jsonl", "blocks.jsonl", "block-events.jsonl", "log/inclusion.jsonl")
"""Files that are there also where nothing is in them."""


class Folder:
    """Appends lines to files that stay open, and writes others in one go."""

    def __init__(self, path: Path) -> None:
        """Use an existing, empty folder."""
        self._path = path
        self._open: dict[str, BinaryIO] = {}
        self._digests: dict[str, Any] = {}
        for name in EMPTY:
            self.start(name)

    def start(self, name: str) -> None:
        """Have a file also where nothing will be in it."""
        self._file(name)

    def line(self, name: str, data: bytes) -> None:
        """Append one line."""
        file = self._file(name)
        file.write(data + b"\n")
        self._digests[name].update(data + b"\n")

    def put(self, name: str, data: bytes) -> None:
        """Write a file as a whole."""
        path = self._path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self._digests[name] = sha256(data)

    def close(self) -> dict[str, str]:
        """Close the files; the SHA-256 of each that was written."""
        for file in self._open.values():
            file.close()
        return {name: digest.hexdigest() for name, digest in sorted(self._digests.items())}

    def _file(self, name: str) -> BinaryIO:
        if name not in self._open:
            path = self._path / name
            path.parent.mkdir(exist_ok=True)
            self._open[name] = path.open("wb")
            self._digests[name] = sha256()
        return self._open[name]


def json_line(value: object, *, indent: int | None = None) -> bytes:
    """JSON in UTF-8; on one line unless it is indented."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return (text if indent is None else text + "\n").encode("utf-8", "surrogatepass")


def hexed(hashes: Iterable[bytes]) -> list[str]:
    """Hashes in hex."""
    return [one.hex() for one in hashes]
