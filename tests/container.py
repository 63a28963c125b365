"""A PostgreSQL in a Docker container, where a Docker engine answers.

PGAUDIT_KIT_CONTAINER_IMAGE names the image (`postgres:17` unless set). Anybody may connect to it
without a password, as to the other servers of tests; Docker publishes its port.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from psycopg.conninfo import make_conninfo

from pgaudit_kit.errors import ServerUnreachable

PORT = 5432


def image() -> str:
    """The image to run. Raises ServerUnreachable: no engine answers, or its client is not installed."""
    try:
        import docker
        import testcontainers  # noqa: F401
    except ImportError as error:
        raise ServerUnreachable(f"{error.name} is not installed") from error
    try:
        with contextlib.closing(docker.from_env(timeout=5)) as engine:
            engine.ping()
    except docker.errors.DockerException as error:
        raise ServerUnreachable("no Docker engine answers") from error
    return os.environ.get("PGAUDIT_KIT_CONTAINER_IMAGE") or "postgres:17"


@contextlib.contextmanager
def running(settings: Mapping[str, str]) -> Iterator[str]:
    """A superuser's DSN of a new container's server, for the block."""
    from testcontainers.community.postgres import PostgresContainer

    container = (
        PostgresContainer(image(), port=PORT, username="postgres", dbname="postgres", driver=None)
        .with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_command(command(settings))
    )
    with container:
        yield make_conninfo(
            host=container.get_container_host_ip(),
            port=container.get_exposed_port(PORT),
            user="postgres",
            dbname="postgres",
        )


def command(settings: Mapping[str, str]) -> list[str]:
    """What the image's entry point is told to run."""
    return ["postgres", *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))]
