"""The witness over HTTP: two addresses, bounded bodies, and no traceback for anybody."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pgaudit_kit.witness.ledger import LedgerFailed
from pgaudit_kit.witness.rules import Reply, Witness

MOST_BYTES = 65_536
"""63 lines of proof and a checkpoint with a hundred signatures are less."""
MOST_CONNECTIONS = 64
IDLE_S = 15.0

Say = Callable[..., Any]
_MONITOR = re.compile(r"/([0-9a-f]{64})/checkpoint")


class WitnessServer(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers. TLS is for the proxy in front of it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, witness: Witness, say: Say) -> None:
        """Take where to listen; `say(event, **facts)` hears of every request."""
        self.witness, self.say = witness, say
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for each connection, up to a number; who comes then is turned away."""
        if not self._free.acquire(blocking=False):
            self.say("busy", client=client_address[0])
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that broke off is no event worth a traceback."""
        self.say("connection lost", client=client_address[0])


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "pgaudit-kit-witness", ""
    timeout = IDLE_S
    wbufsize = -1  # one packet for an answer: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        found = _MONITOR.fullmatch(self.path)
        self._answer(lambda: self.server.witness.checkpoint(found[1]) if found else _NOWHERE)

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        there = self.path == "/add-checkpoint"
        self._answer(lambda: self.server.witness.add_checkpoint(body) if there else _NOWHERE)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        refused = None
        if "Transfer-Encoding" in self.headers or not length:
            refused = Reply(411, b"say how long the body is\n")
        elif not re.fullmatch(r"[0-9]{1,18}", length):
            refused = Reply(400, b"the length is not a number\n")
        elif int(length) > MOST_BYTES:
            refused = Reply(413, f"the body is longer than {MOST_BYTES} bytes\n".encode())
        if refused is None:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            refused = Reply(400, b"the body breaks off\n")
        self.close_connection = True  # what is left of the body is no request
        self._answer(lambda: refused)
        return None

    def _answer(self, work: Callable[[], Reply]) -> None:
        try:
            reply = work()
        except LedgerFailed as error:
            self.server.say("failed", reason=error.message)
            reply = Reply(503, b"try again later\n")
        except Exception as error:
            self.server.say("failed", reason=f"{type(error).__name__}: {error}")
            reply = Reply(500, b"this should not have happened\n")
        words = "" if reply.status == 200 else reply.body.decode("utf-8", "replace").strip()
        self.server.say(
            "asked", what=self.path[:80], status=reply.status, origin=reply.origin or "", said=words
        )
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing here: `say` has heard."""


_NOWHERE = Reply(404, b"there is nothing at this address\n")
