"""Fixtures: a service without a superuser, and a customer's database on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.managed.service import Service, Shop, running
from tests.servers import PgServer


class Services(dict[str, Service]):
    """The services by the server's name, each started when first asked for."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def of(self, server: PgServer) -> Service:
        """The one with that server's programs."""
        if server.name not in self:
            self[server.name] = self._stack.enter_context(running(server))
        return self[server.name]


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """One cluster for each server; its roles are cluster-wide, its databases each test's own."""
    with contextlib.ExitStack() as stack:
        yield Services(stack)


@pytest.fixture
def service(server: PgServer, services: Services) -> Service:
    """The service with this server's programs."""
    return services.of(server)


@pytest.fixture
def empty(service: Service) -> Iterator[Shop]:
    """A database on which the kit is not installed."""
    with service.shop(installed=False) as shop:
        yield shop


@pytest.fixture
def shop(service: Service) -> Iterator[Shop]:
    """A database on which boss installed the kit."""
    with service.shop() as shop:
        yield shop
