"""PostgreSQL servers that the kit runs itself: no Docker, no network port, root or not."""

from pgaudit_kit.server.binaries import Binaries, find
from pgaudit_kit.server.ephemeral import Server, ephemeral_server
from pgaudit_kit.server.persistent import Status, default_home, start, status, stop

__all__ = [
    "Binaries",
    "Server",
    "Status",
    "default_home",
    "ephemeral_server",
    "find",
    "start",
    "status",
    "stop",
]
