"""An `[[anchors]]` entry of pgaudit.toml or policy.toml: where checkpoints are kept outside the database."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

LOCAL = ("localhost", "127.0.0.1", "::1")


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """Unknown entries are errors; `name` says in messages and findings which anchor is meant."""

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", self.name):
            raise ValueError(f"name {self.name!r} is not a word of letters, digits, dot, dash and underscore")
        self.check()

    def check(self) -> None:
        """Refuse with ValueError what cannot be meant."""


class FolderAnchor(_Spec, frozen=True, kw_only=True, tag="folder"):
    """A folder, best on a share that nobody can change: `path`."""

    path: str

    def check(self) -> None:
        """Refuse a path that depends on where the command is run."""
        if not self.path.startswith("/") or "\0" in self.path:
            raise ValueError(f"path {self.path!r} is not absolute")


class S3Anchor(_Spec, frozen=True, kw_only=True, tag="s3"):
    """A bucket with Object Lock; credentials are boto3's own (environment, profile, role)."""

    bucket: str
    prefix: str = ""
    retain: str = "400 days"
    region: str | None = None
    endpoint: str | None = None
    owner: str | None = None
    timeout_s: float = 20.0

    def check(self) -> None:
        """Refuse what S3 could not take."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", self.bucket):
            raise ValueError(f"bucket {self.bucket!r} is not the name of a bucket")
        if not re.fullmatch(r"[A-Za-z0-9/!_.*'()-]{0,512}", self.prefix) or ".." in self.prefix:
            raise ValueError(f"prefix {self.prefix!r} has characters that keys should not have")
        if self.owner is not None and not re.fullmatch(r"[0-9]{12}", self.owner):
            raise ValueError(f"owner {self.owner!r} is not an account number of 12 digits")
        if self.endpoint is not None:
            _check_url("endpoint", self.endpoint)
        _check_timeout(self.timeout_s)
        _ = self.retention

    @property
    def retention(self) -> timedelta:
        """How long each checkpoint stays locked."""
        found = re.fullmatch(r"([1-9][0-9]{0,4}) days?", self.retain)
        if not found or int(found[1]) > 36_500:
            raise ValueError(f"retain {self.retain!r} is not like '400 days', at most 36500")
        return timedelta(days=int(found[1]))


class PostgresAnchor(_Spec, frozen=True, kw_only=True, tag="postgres"):
    """Another PostgreSQL, which another team runs; passwords come from .pgpass or a service file."""

    dsn: str

    def check(self) -> None:
        """Refuse an empty DSN, which would mean the database of the environment, and passwords."""
        if not self.dsn.strip():
            raise ValueError("dsn must say which database: the log's own would be no anchor")
        if re.search(r"password\s*=|://[^/@]*:[^/@]+@", self.dsn):
            raise ValueError("dsn must not hold a password; put it into .pgpass or a service file")


class WitnessAnchor(_Spec, frozen=True, kw_only=True, tag="witness"):
    """A witness of c2sp.org/tlog-witness: `url` to submit to, `vkey` that it cosigns with."""

    url: str
    vkey: str
    monitor_url: str | None = None
    timeout_s: float = 20.0

    def check(self) -> None:
        """Refuse URLs that are none, or carry secrets."""
        _check_url("url", self.url)
        if self.monitor_url is not None:
            _check_url("monitor_url", self.monitor_url)
        if self.vkey.count("+") < 2:
            raise ValueError("vkey is not like name+id+key, as the witness publishes it")
        _check_timeout(self.timeout_s)


class TimestampAnchor(_Spec, frozen=True, kw_only=True, tag="timestamp"):
    """An authority of RFC 3161 at `url`, trusted by the certificates in `ca_file`; tokens go to `path`."""

    url: str
    ca_file: str
    path: str
    timeout_s: float = 20.0

    def check(self) -> None:
        """Refuse URLs that are none and paths that are relative."""
        _check_url("url", self.url, plain=True)  # authorities answer by http; the answer is signed
        for label, path in (("path", self.path), ("ca_file", self.ca_file)):
            if not path.startswith("/") or "\0" in path:
                raise ValueError(f"{label} {path!r} is not absolute")
        _check_timeout(self.timeout_s)


AnchorSpec = FolderAnchor | S3Anchor | PostgresAnchor | WitnessAnchor | TimestampAnchor


def check_distinct(specs: tuple[AnchorSpec, ...]) -> None:
    """Refuse with ValueError two anchors of one name."""
    names = [spec.name for spec in specs]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValueError(f"two anchors are named {name!r}")


def _check_url(label: str, text: str, *, plain: bool = False) -> None:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        raise ValueError(f"{label} {text!r} is not a URL") from None
    if url.scheme not in ("https", "http") or not host or url.query or url.fragment or " " in text:
        raise ValueError(f"{label} {text!r} is not a URL like https://witness.example/prefix")
    if url.username is not None or url.password is not None:
        raise ValueError(f"{label} must not hold a name or password")
    if url.scheme == "http" and not plain and host not in LOCAL:
        raise ValueError(f"{label} {text!r} must be https: only this machine itself is spoken to without TLS")


def _check_timeout(seconds: float) -> None:
    if not 0.1 <= seconds <= 600:
        raise ValueError("timeout_s must be between 0.1 and 600 seconds")
