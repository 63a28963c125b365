"""The signing key: a file that nobody but the signer's account can read."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from pgaudit_kit.errors import FileError, UsageError
from pgaudit_kit.note import ED25519, Note, NoteMalformed, SigningKey

ROTATION = "pgaudit-kit/key-rotation/v1"


def generate_key(path: Path, name: str, algorithm: int = ED25519) -> SigningKey:
    """Make a key and write it to a new file with mode 0600; an existing file is left alone."""
    try:
        key = SigningKey.generate(name, algorithm)
    except NoteMalformed:
        raise UsageError(
            f"{name!r} cannot name a log: a note could not carry it.",
            hint="Take something like a URL without scheme, such as audit.example.com/shop.",
        ) from None
    write_secret(path, key.text + "\n")
    return key


def read_key(path: Path) -> SigningKey:
    """Read a key's file. FileError where it is none, or where others can read it."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(10_000)
    except UnicodeDecodeError:
        raise FileError("The file holds no signing key.", at=str(path)) from None
    except OSError as error:
        raise FileError(
            f"The signing key cannot be read: {error.strerror}.",
            at=str(path),
            hint="`pgaudit-kit key generate` makes one; name its file with --key or signing.key.",
        ) from None
    if mode & 0o077:
        raise FileError(
            f"The signing key can be read by others (mode {mode:04o}).",
            at=str(path),
            hint=f"Run `chmod 600 {path}`; if somebody may have read it, `pgaudit-kit key rotate`.",
        )
    try:
        return SigningKey.parse(text)
    except NoteMalformed as error:
        raise FileError(f"The file holds no signing key: {error}.", at=str(path)) from None


def rotation_note(old: SigningKey, new: SigningKey, size: int) -> Note:
    """The statement that from `size` on the new key signs the log, signed by both keys."""
    text = f"{ROTATION}\n{old.name}\n{size}\n{old.verifier.vkey}\n{new.verifier.vkey}\n"
    return Note(text, (old.sign(text), new.sign(text)))


def write_secret(path: Path, text: str) -> None:
    """Write a new file with mode 0600 so that it is there whole or not at all."""
    temporary = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        raise FileError(
            "The file is there already; it was left as it is.",
            at=str(path),
            hint="Name another file. A key that was lost cannot be made again.",
        ) from None
    except OSError as error:
        raise FileError(f"The file cannot be written: {error.strerror}.", at=str(path)) from None


def sync_folder(folder: Path) -> None:
    """Make a new or renamed entry of a folder outlive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
