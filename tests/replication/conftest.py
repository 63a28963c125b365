"""A primary with an archive and a base backup, one for each version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgaudit_kit.server.cluster import Cluster, give_folder
from tests.restore.clusters import Place, place
from tests.restore.story import build
from tests.servers import find_servers


@dataclass(frozen=True)
class Primary:
    place: Place
    cluster: Cluster
    archive: Path


@pytest.fixture(scope="module", params=sorted(find_servers().binaries))
def primary(request: pytest.FixtureRequest) -> Iterator[Primary]:
    """An audited database `postgres`; its server runs until the module's end."""
    with place(find_servers().binaries[request.param]) as here:
        cluster = here.initialize("primary")
        archive = cluster.home / "archive"
        give_folder(archive, here.account)
        settings = {
            "archive_mode": "on",
            "archive_command": f'cp "%p" "{archive}/%f"',
            "wal_keep_size": "64MB",
        }
        with here.running(cluster, settings):
            build(cluster.dsn())
            yield Primary(here, cluster, archive)
