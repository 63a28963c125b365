"""Objects in a bucket of S3, written once by `If-None-Match: *`, and locked against everybody where asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pgaudit_kit.errors import MissingExtra
from pgaudit_kit.stores.errors import StoreFailed

MOST_BYTES = 32 * 1024 * 1024
PARALLEL = 16
"""Requests at once that a client of open_bucket has connections for."""
CONFLICT_ATTEMPTS = 5
"""S3 answers 409 to one of two that create the same object at the same moment."""

_ABSENT = {"NoSuchKey", "NoSuchVersion", "404", "NotFound"}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a marker that hides those before it."""

    key: str
    version_id: str
    written_at: datetime
    size: int
    marker: bool = False


class S3Store:
    """Objects below one prefix of a bucket. With `retain`, nobody can delete a version before its time."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str = "",
        *,
        retain: timedelta | None = None,
        owner: str | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Take boto3's client; `owner` is the account that must own the bucket."""
        self.bucket, self.prefix = bucket, prefix.strip("/")
        self._client, self._retain, self._now = client, retain, now
        self._bucket = {"Bucket": bucket} | ({"ExpectedBucketOwner": owner} if owner else {})

    def where(self, key: str, version_id: str | None = None) -> str:
        """The object, for people."""
        return f"s3://{self.bucket}/{self._key(key)}" + (f"?versionId={version_id}" if version_id else "")

    def read(self, key: str) -> bytes | None:
        """The object's bytes; None where there is none."""
        answer = self._get(key)
        return answer[0] if answer is not None else None

    def read_version(self, version: Version) -> tuple[bytes, datetime | None] | None:
        """A version's bytes, and until when nobody can delete it; None where it is gone."""
        return self._get(version.key, VersionId=version.version_id)

    def _get(self, key: str, **version: str) -> tuple[bytes, datetime | None] | None:
        with self._failing("read", key):
            try:
                answer = self._client.get_object(Key=self._key(key), **version, **self._bucket)
            except self._client.exceptions.ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise
            with answer["Body"] as stream:
                body: bytes = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise StoreFailed(f"The object is longer than {MOST_BYTES:,} bytes.", at=self.where(key))
        # GOVERNANCE yields to whoever has the right to bypass it: it is no lock here
        locked = answer.get("ObjectLockMode") == "COMPLIANCE"
        return body, answer.get("ObjectLockRetainUntilDate") if locked else None

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        with self._failing("read", key):
            try:
                self._client.head_object(Key=self._key(key), **self._bucket)
            except self._client.exceptions.ClientError as error:
                if _code(error) in _ABSENT:
                    return False
                raise
        return True

    def create(self, key: str, body: bytes) -> bool:
        """Write the object where there is none; False where there is one, which stays as it is."""
        with self._failing("write", key):
            for _ in range(CONFLICT_ATTEMPTS):
                try:
                    self._put(key, body, IfNoneMatch="*")
                    return True
                except self._client.exceptions.ClientError as error:
                    if _code(error) in ("PreconditionFailed", "412"):
                        return False
                    if _code(error) not in ("ConditionalRequestConflict", "409"):
                        raise
        raise StoreFailed(
            "Others keep writing the same object.",
            at=self.where(key),
            hint="Let one signer at a time publish to this bucket.",
        )

    def replace(self, key: str, body: bytes) -> None:
        """Write the object in place of what is there, whose versions the bucket may keep."""
        with self._failing("write", key):
            self._put(key, body)

    def keys_from(self, key: str, within: str, most: int) -> list[str]:
        """Up to `most` keys of the folder `within` that come after `key`, as keys of this store, sorted."""
        with self._failing("list", within):
            answer = self._client.list_objects_v2(
                Prefix=self._key(within), StartAfter=self._key(key), MaxKeys=most, **self._bucket
            )
        return [self._own(entry["Key"]) for entry in answer.get("Contents", ())]

    def versions(self, prefix: str, after: str | None = None) -> Iterator[Version]:
        """Every version of every object whose key starts so, and every marker that hides one.

        `after` leaves out keys up to this one.
        """
        marks = {"KeyMarker": self._key(after)} if after is not None else {}
        while True:
            with self._failing("list", prefix):
                page = self._client.list_object_versions(Prefix=self._key(prefix), **marks, **self._bucket)
            for marker, label in ((False, "Versions"), (True, "DeleteMarkers")):
                for entry in page.get(label, ()):
                    yield Version(
                        key=self._own(entry["Key"]),
                        version_id=entry["VersionId"],
                        written_at=entry["LastModified"],
                        size=entry.get("Size", 0),
                        marker=marker,
                    )
            if not page.get("IsTruncated"):
                return
            marks = {"KeyMarker": page["NextKeyMarker"]}
            if "NextVersionIdMarker" in page:
                marks["VersionIdMarker"] = page["NextVersionIdMarker"]

    def has_object_lock(self) -> bool:
        """Whether the bucket can lock objects."""
        with self._failing("read", ""):
            try:
                answer = self._client.get_object_lock_configuration(**self._bucket)
            except self._client.exceptions.ClientError as error:
                if _code(error) == "ObjectLockConfigurationNotFoundError":
                    return False
                raise
        enabled: bool = answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"
        return enabled

    def _put(self, key: str, body: bytes, **condition: str) -> None:
        lock: dict[str, Any] = {}
        if self._retain is not None:
            lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": self._now() + self._retain}
        self._client.put_object(
            Key=self._key(key),
            Body=body,
            ContentType="application/octet-stream",
            ChecksumAlgorithm="SHA256",  # a lock needs one
            **lock,
            **condition,
            **self._bucket,
        )

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _own(self, key: str) -> str:
        return key[len(self.prefix) + 1 :] if self.prefix else key

    @contextmanager
    def _failing(self, what: str, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            message = str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
            raise StoreFailed(
                f"The bucket cannot be {_PAST[what]}: {_code(error)}: {message}.",
                at=self.where(key),
                hint="Check the bucket's name and region, and what the credentials may do there.",
            ) from error
        except BotoCoreError as error:
            raise StoreFailed(
                f"The bucket cannot be {_PAST[what]}: {str(error).rstrip('.')}.",
                at=self.where(key),
                hint="Check the endpoint, the network, and that boto3 finds credentials (AWS_*, a profile).",
            ) from error


_PAST = {"read": "read", "write": "written", "list": "listed"}


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def open_bucket(*, region: str | None, endpoint: str | None, timeout_s: float) -> Any:
    """boto3's client for S3; MissingExtra where boto3 is not installed."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise MissingExtra(
            "Buckets need the package boto3.", hint="Install it: pip install 'pgaudit-kit[s3]'."
        ) from None
    settings = Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"total_max_attempts": 3},
        max_pool_connections=PARALLEL,
    )
    try:
        return boto3.client("s3", region_name=region, endpoint_url=endpoint, config=settings)
    except (BotoCoreError, ValueError) as error:
        raise StoreFailed(f"The client of S3 cannot be made: {error}.", at=endpoint) from error
