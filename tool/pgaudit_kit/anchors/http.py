"""One request of HTTP: no redirects, no other schemes, bounded in time and in size."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from pgaudit_kit import __version__
from pgaudit_kit.anchors.errors import AnchorFailed

MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status."""

    status: int
    content_type: str
    body: bytes

    @property
    def words(self) -> str:
        """The beginning of the body, for an error's text."""
        text = self.body[:200].decode("utf-8", "replace").strip().split("\n")[0]
        return f"{self.status} {text}".rstrip()


def ask(
    url: str,
    *,
    timeout_s: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """GET, or POST with a body. AnchorFailed where nothing whole comes back in time."""
    request = urllib.request.Request(  # noqa: S310 - the opener below knows http and https alone
        url, data=body, headers={"User-Agent": f"pgaudit-kit/{__version__}", **(headers or {})}
    )
    ends = time.monotonic() + timeout_s
    try:
        with _opener().open(request, timeout=timeout_s) as answer:
            content = _content(answer, ends)
            return Reply(answer.status, answer.headers.get_content_type(), content)
    except TimeoutError as error:
        raise _failed(url, f"no answer within {timeout_s:g} s") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise _failed(url, str(reason) or type(error).__name__) from error


def _content(answer: HTTPResponse, ends: float) -> bytes:
    parts, length = [], 0
    while part := answer.read1(65_536):
        parts.append(part)
        length += len(part)
        if length > MOST_BYTES:
            raise ValueError(f"the answer is longer than {MOST_BYTES:,} bytes")
        if time.monotonic() > ends:
            raise TimeoutError
    if answer.length:
        raise ValueError("the answer breaks off")
    return b"".join(parts)


def _opener() -> urllib.request.OpenerDirector:
    """No handler of errors and redirects: every status is an answer, and no other host gets the request."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _failed(url: str, reason: str) -> AnchorFailed:
    return AnchorFailed(
        f"It cannot be reached: {reason}.",
        at=url,
        hint="Check the URL, the network and the certificate; publishing again later is safe.",
    )
