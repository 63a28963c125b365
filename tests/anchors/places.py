"""Places for anchors: an authority of timestamps, and an HTTP server that says anything."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = tuple[int, str, bytes]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@contextlib.contextmanager
def http_server(answer: Callable[[str, bytes], Answer]) -> Iterator[str]:
    """Serves what `answer` makes of each path and body; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content_type, data = answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            if status in (301, 302, 307):
                self.send_header("Location", data.decode())
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@dataclass
class Authority:
    """An authority of RFC 3161 by `openssl ts`. `edit` may change the query before, the reply after."""

    folder: Path
    asked: int = 0
    edit_query: Callable[[bytes], bytes] = field(default=lambda query: query)
    status: int = 200

    @property
    def ca_file(self) -> str:
        return str(self.folder / "ca.pem")

    def __call__(self, path: str, query: bytes) -> Answer:
        self.asked += 1
        if self.status != 200:
            return self.status, "text/plain", b"come back tomorrow"
        (self.folder / "query.tsq").write_bytes(self.edit_query(query))
        _openssl(
            self.folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"
        )
        return 200, "application/timestamp-reply", (self.folder / "reply.tsr").read_bytes()


def make_authority(folder: Path) -> Authority:
    """A root certificate, a certificate for stamping, and what `openssl ts` wants to know."""
    folder.mkdir()
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(
        "[ req ]\ndistinguished_name = dn\nprompt = no\n[ dn ]\nCN = Test Authority\n"
        "[ ca ]\nbasicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\n"
        "subjectKeyIdentifier = hash\n"
        "[ stamp ]\nbasicConstraints = CA:FALSE\nextendedKeyUsage = critical,timeStamping\n"
        "keyUsage = critical,digitalSignature\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
        "[ tsa ]\ndefault_tsa = tsa1\n[ tsa1 ]\nserial = ./serial\ncrypto_device = builtin\n"
        "signer_cert = ./tsa.pem\nsigner_key = ./tsa.key\nsigner_digest = sha256\n"
        "default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\nordering = yes\n"
        "tsa_name = yes\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n"
    )
    new = ("-newkey", "rsa:2048", "-nodes", "-config", "tsa.cnf")
    _openssl(
        folder,
        "req",
        "-x509",
        *new,
        "-extensions",
        "ca",
        "-days",
        "30",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    )
    _openssl(folder, "req", *new, "-subj", "/CN=Stamper", "-keyout", "tsa.key", "-out", "tsa.csr")
    _openssl(
        folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "30", "-extfile", "tsa.cnf", "-extensions", "stamp", "-out", "tsa.pem",
    )  # fmt: skip
    return Authority(folder)


def openssl_verifies(authority: Authority, note: Path, token: Path) -> bool:
    """Whether `openssl ts -verify` accepts the token, as somebody without this software would ask."""
    result = subprocess.run(
        ["openssl", "ts", "-verify", "-data", note, "-in", token, "-CAfile", authority.ca_file],
        capture_output=True,
    )
    return result.returncode == 0


def _openssl(folder: Path, *args: str) -> None:
    result = subprocess.run(["openssl", *args], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
