"""A database service in small: nobody whom a customer can become is a superuser.

What is like RDS, Cloud SQL and the like: the customer's first role, `boss`, has CREATEROLE and
CREATEDB, owns the database, and belongs to a group of the service's that may monitor and signal;
the service's own superuser cannot be reached, so there are no event triggers, no settings that
need one, no row security that is passed by. The application's tables belong to the role `shop_owner`,
in which boss is a member; the application writes as `shop_app`.

What is not: a few services let such a role create event triggers, or extensions from a list.
PostgreSQL has no switch for that, so their patches cannot be tried here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from pgaudit_kit.server import Server, ephemeral_server
from tests.kit import Kit
from tests.servers import SETTINGS, PgServer, cluster_folder, find_servers, unique

Connection = psycopg.Connection[Any]

BOSS, OWNER, APP = "boss", "shop_owner", "shop_app"
ROLES = """
    CREATE ROLE service_admins NOLOGIN;
    GRANT pg_monitor, pg_signal_backend TO service_admins;
    CREATE ROLE boss LOGIN CREATEROLE CREATEDB;
    GRANT service_admins TO boss WITH ADMIN OPTION
"""
# From 16 on whoever creates a role administers it, and has to make himself a member.
CUSTOMER = """
    CREATE ROLE shop_owner LOGIN;
    CREATE ROLE shop_app LOGIN;
    GRANT shop_owner TO boss
"""
SCHEMA = """
    CREATE SCHEMA shop AUTHORIZATION shop_owner;
    SET ROLE shop_owner;
    GRANT USAGE ON SCHEMA shop TO shop_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA shop
        GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO shop_app;
    RESET ROLE
"""


@dataclass
class Service:
    """The service's cluster."""

    cluster: Server
    _templates: dict[str, str] = field(default_factory=dict)

    def connect(self, user: str, dbname: str) -> Connection:
        """In autocommit mode, as one of the roles, or as the service's `postgres`."""
        return psycopg.connect(self.cluster.dsn(dbname, user), autocommit=True)

    @contextlib.contextmanager
    def shop(self, *, installed: bool = True) -> Iterator[Shop]:
        """A database of the customer's, for the block."""
        name = unique("shop")
        with self.connect(BOSS, "postgres") as boss:
            template = self._installed() if installed else self._empty()
            boss.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            try:
                with (
                    self.connect("postgres", name) as service,
                    self.connect(BOSS, name) as customer,
                    self.connect(OWNER, name) as owner,
                    self.connect(APP, name) as app,
                ):
                    yield Shop(self.cluster.dsn(name, BOSS), service, customer, owner, app)
            finally:
                with self.connect("postgres", "postgres") as service:  # boss cannot end service's sessions
                    service.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _empty(self) -> str:
        if "empty" not in self._templates:
            with self.connect(BOSS, "postgres") as boss:
                boss.execute("CREATE DATABASE empty_shop")
            with self.connect(BOSS, "empty_shop") as boss:
                boss.execute(SCHEMA)
            self._templates["empty"] = "empty_shop"
        return self._templates["empty"]

    def _installed(self) -> str:
        if "installed" not in self._templates:
            with self.connect(BOSS, "postgres") as boss:
                boss.execute(
                    sql.SQL("CREATE DATABASE installed_shop TEMPLATE {}").format(
                        sql.Identifier(self._empty())
                    )
                )
            Kit(self.cluster.dsn("installed_shop", BOSS))("install", "--yes")
            self._templates["installed"] = "installed_shop"
        return self._templates["installed"]


@dataclass
class Shop:
    """One database of the customer's, and those who are connected to it."""

    dsn: str
    """boss's"""
    service: Connection
    """The superuser whom no customer can become: tests look at the log through it."""
    boss: Connection
    owner: Connection
    app: Connection

    @property
    def kit(self) -> Kit:
        """pgaudit-kit as boss runs it."""
        return Kit(self.dsn)

    def events(self) -> list[tuple[Any, ...]]:
        """Operation, table, key, old and new values of each event of a table, in their order."""
        return self.service.execute(
            "SELECT e.operation::text, v.table_name, e.record_key, e.old_values, e.new_values"
            " FROM audit.change_events AS e INNER JOIN audit.events AS v USING (event_id, occurred_at)"
            " WHERE e.operation <> 'C' ORDER BY e.event_id"
        ).fetchall()


@contextlib.contextmanager
def running(server: PgServer) -> Iterator[Service]:
    """The service on a cluster of its own, with programs of the server's version."""
    programs = find_servers().binaries[server.name]
    with ephemeral_server(binaries=programs, settings=SETTINGS, base=cluster_folder()) as cluster:
        service = Service(cluster)
        with service.connect("postgres", "postgres") as superuser:
            superuser.execute(ROLES)
        with service.connect(BOSS, "postgres") as boss:
            boss.execute(CUSTOMER)
        yield service
