"""PostgreSQL servers that the kit runs itself: no Docker, no network port, root or not."""

from pgaudit_kit.server.binaries import Binaries, find
from pgaudit_kit.server.ephemeral import Server, ephemeral_server

__all__ = ["Binaries", "Server", "ephemeral_server", "find"]
