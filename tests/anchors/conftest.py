"""One of each anchor, with somewhere to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.anchors.places import CREDENTIALS, Authority, http_server, make_authority


@dataclass
class Cloud:
    """moto's S3: a server of its own process-wide state, and a client to look behind the scenes."""

    endpoint: str
    client: Any
    buckets: int = 0

    def bucket(self, *, lock: bool = True) -> str:
        """A new bucket."""
        self.buckets += 1
        name = f"evidence-{self.buckets}"
        self.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """S3 on this machine."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        endpoint = f"http://{host}:{port}"
        try:
            yield Cloud(endpoint, boto3.client("s3", endpoint_url=endpoint))
        finally:
            server.stop()


@pytest.fixture(scope="session")
def authority_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys take a while to make."""
    folder = tmp_path_factory.mktemp("tsa") / "authority"
    make_authority(folder)
    return folder


@pytest.fixture
def authority(authority_files: Path) -> Iterator[tuple[Authority, str]]:
    """An authority and its URL."""
    made = Authority(authority_files)
    with http_server(made) as url:
        yield made, url
