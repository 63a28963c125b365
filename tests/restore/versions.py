"""Which older versions of PostgreSQL there are to come from."""

from __future__ import annotations

import contextlib

from pgaudit_kit.errors import KitError
from pgaudit_kit.server import Binaries
from tests.matrix_binaries import MAJORS, unpacked
from tests.restore.programs import understands
from tests.servers import find_servers, named


def newest_found() -> Binaries | None:
    """The newest version that tests run on, unless there is none on this machine."""
    return max(find_servers().binaries.values(), key=lambda found: found.major, default=None)


def older() -> list[Binaries]:
    """Versions whose dumps the newest reads: one; where servers are named, one of each major version.

    Those that `make fetch-matrix` downloaded count too, since a distribution's may be newer than the newest's
    minor release (`understands`).
    """
    new = newest_found()
    if new is None:
        return []
    fetched = []
    for major in MAJORS:
        with contextlib.suppress(KitError):
            fetched.append(unpacked(major))
    found = [
        old
        for old in [*find_servers().binaries.values(), *fetched]
        if int(old.major) < int(new.major) and understands(new.bindir, old.bindir)
    ]
    majors = {old.major: old for old in reversed(found)}
    return list(majors.values()) if named("PGAUDIT_KIT_SERVERS") else found[:1]
