"""Checkpoints in a bucket: locked, never overwritten; newer versions and markers do not hide the oldest."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

import pytest

from pgaudit_kit.anchor_specs import S3Anchor
from pgaudit_kit.anchors import Anchor, AnchorConflict, AnchorFailed, Found, open_anchor
from pgaudit_kit.anchors.bucket import Bucket
from pgaudit_kit.stores import S3Store
from pgaudit_kit.tlog import export_tiles, read_tiles
from tests.anchors.conftest import Cloud
from tests.anchors.logs import ORIGIN, Log, no_proof

LOG = Log()
KEY = f"shop/{sha256(ORIGIN.encode()).hexdigest()}/checkpoints/00000000000000000007"


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    return cloud.bucket()


@pytest.fixture
def vault(cloud: Cloud, bucket: str) -> Callable[[], Anchor]:
    spec = S3Anchor(name="vault", bucket=bucket, prefix="shop/", endpoint=cloud.endpoint, retain="400 days")
    return lambda: open_anchor(spec)


def put(cloud: Cloud, bucket: str, body: bytes, mode: str | None = "COMPLIANCE", key: str = KEY) -> str:
    """A version that somebody else writes."""
    lock: dict[str, Any] = {}
    if mode:
        lock = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(days=9)}
    answer = cloud.client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256", **lock)
    version: str = answer["VersionId"]
    return version


def problems(anchor: Anchor) -> list[tuple[bytes, str | None]]:
    return [(found.note, found.problem) for found in anchor.found(ORIGIN)]


def test_the_object_is_locked_in_compliance_mode_for_the_time_asked(
    cloud: Cloud, bucket: str, vault: Callable[[], Anchor]
) -> None:
    vault().publish(LOG.note(7), no_proof)
    head = cloud.client.head_object(Bucket=bucket, Key=KEY)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    left = head["ObjectLockRetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=399) < left <= timedelta(days=400)
    with pytest.raises(cloud.client.exceptions.ClientError, match="AccessDenied"):
        cloud.client.delete_object(Bucket=bucket, Key=KEY, VersionId=head["VersionId"])


def test_a_bucket_that_does_not_lock_is_refused(cloud: Cloud) -> None:
    name = cloud.bucket(lock=False)
    anchor = open_anchor(S3Anchor(name="vault", bucket=name, endpoint=cloud.endpoint))
    with pytest.raises(AnchorFailed, match="no Object Lock") as caught:
        anchor.publish(LOG.note(7), no_proof)
    assert caught.value.hint and caught.value.at == f"s3://{name}"
    assert "Contents" not in cloud.client.list_objects_v2(Bucket=name)


def test_a_version_put_over_the_first_is_evidence_and_the_first_one_counts(
    cloud: Cloud, bucket: str, vault: Callable[[], Anchor]
) -> None:
    vault().publish(LOG.note(7), no_proof)
    fork = LOG.forked(2).note(7)
    put(cloud, bucket, fork)
    assert cloud.client.get_object(Bucket=bucket, Key=KEY)["Body"].read() == fork
    found = dict(problems(vault()))
    assert found[LOG.note(7)] is None
    assert "two histories" in str(found[fork])
    vault().publish(LOG.note(7), no_proof)
    with pytest.raises(AnchorConflict) as caught:
        vault().publish(fork, no_proof)
    assert caught.value.other == LOG.note(7)


def test_a_deleted_object_is_told_and_another_cannot_take_its_place(
    cloud: Cloud, bucket: str, vault: Callable[[], Anchor]
) -> None:
    vault().publish(LOG.note(7), no_proof)
    cloud.client.delete_object(Bucket=bucket, Key=KEY)
    found = problems(vault())
    assert (LOG.note(7), None) in found
    assert str(dict(found)[b""]).startswith("a marker hides it")
    with pytest.raises(AnchorConflict) as caught:
        vault().publish(LOG.forked(2).note(7), no_proof)
    assert caught.value.other == LOG.note(7)
    vault().publish(LOG.note(7), no_proof)


@pytest.mark.parametrize("mode", [None, "GOVERNANCE"])
def test_a_version_that_somebody_could_delete_does_not_count(
    cloud: Cloud, bucket: str, vault: Callable[[], Anchor], mode: str | None
) -> None:
    put(cloud, bucket, LOG.forked(2).note(7), mode)
    put(cloud, bucket, LOG.note(7))
    found = dict(problems(vault()))
    assert found[LOG.note(7)] is None
    assert "not locked in compliance mode" in str(found[LOG.forked(2).note(7)])
    vault().publish(LOG.note(7), no_proof)


def test_objects_that_are_no_checkpoints_are_told(
    cloud: Cloud, bucket: str, vault: Callable[[], Anchor]
) -> None:
    put(cloud, bucket, b"rubbish")
    put(cloud, bucket, LOG.note(9), key=KEY[:-1] + "8")
    put(cloud, bucket, LOG.note(9), key=KEY + ".old")
    found: list[Found] = list(vault().found(ORIGIN))
    assert len(found) == 3 and all(one.problem for one in found)
    assert all(f"s3://{bucket}/shop/" in one.where and "versionId=" in one.where for one in found)


def test_all_versions_are_found_over_many_pages(
    cloud: Cloud, bucket: str, vault: Callable[[], Anchor]
) -> None:
    store = S3Store(Paged(cloud.client), bucket, "shop", retain=timedelta(days=1))
    for size in range(1, 8):
        vault().publish(LOG.note(size), LOG.prove(size))
    cloud.client.delete_object(Bucket=bucket, Key=KEY)
    listed = list(store.versions(""))
    assert len(listed) == 8 and sum(version.marker for version in listed) == 1


def test_the_oldest_version_counts_in_whatever_order_they_are_listed(cloud: Cloud) -> None:
    shuffled = S3Store(Shuffled(cloud.client), "any", "shop")
    spec = S3Anchor(name="vault", bucket="any", prefix="shop")
    found = {one.note: one.problem for one in Bucket(spec, shuffled).found(ORIGIN)}
    assert found.pop(LOG.forked(2).note(7)) is None
    assert len(found) == 2 and all("two histories" in str(problem) for problem in found.values())


class Shuffled:
    """A client that shows three versions of one object; the second of the list is the oldest."""

    bodies: ClassVar = {"a": LOG.note(7), "b": LOG.forked(2).note(7), "c": LOG.forked(3).note(7)}

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions

    def list_object_versions(self, **asked: Any) -> Any:
        hours = {"a": 2, "b": 1, "c": 3}
        times = {name: datetime(2026, 1, 1, hour, tzinfo=UTC) for name, hour in hours.items()}
        return {"Versions": [{"Key": KEY, "VersionId": one, "LastModified": times[one]} for one in times]}

    def get_object(self, *, VersionId: str, **asked: Any) -> Any:
        until = datetime(2027, 1, 1, tzinfo=UTC)
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        return {"Body": io.BytesIO(self.bodies[VersionId]), **lock}


class Paged:
    """A client whose lists of versions come two by two."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def list_object_versions(self, **asked: Any) -> Any:
        return self._client.list_object_versions(MaxKeys=2, **asked)


def test_of_many_at_once_one_history_wins(cloud: Cloud, bucket: str, vault: Callable[[], Anchor]) -> None:
    notes = [LOG.forked(n).note(7) for n in range(1, 7)]
    outcomes: dict[bytes, str] = {}

    def push(note: bytes) -> None:
        try:
            vault().publish(note, no_proof)
            outcomes[note] = "taken"
        except AnchorConflict:
            outcomes[note] = "conflict"

    threads = [threading.Thread(target=push, args=(note,)) for note in notes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = [note for note, problem in problems(vault()) if problem is None]
    assert len(held) == 1
    assert {note for note, outcome in outcomes.items() if outcome == "taken"} == set(held)


def test_what_the_cloud_refuses_is_said_in_its_words_with_a_way_out(cloud: Cloud) -> None:
    absent = open_anchor(S3Anchor(name="vault", bucket="absent-bucket", endpoint=cloud.endpoint))
    with pytest.raises(AnchorFailed, match="Anchor vault: The bucket cannot be read: NoSuchBucket") as caught:
        absent.publish(LOG.note(7), no_proof)
    assert caught.value.hint
    with pytest.raises(AnchorFailed, match="NoSuchBucket"):
        list(absent.found(ORIGIN))
    nobody = open_anchor(S3Anchor(name="vault", bucket="abc", endpoint="http://127.0.0.1:9", timeout_s=0.5))
    with pytest.raises(AnchorFailed, match="cannot be read: Could not connect") as unreachable:
        nobody.publish(LOG.note(7), no_proof)
    assert "endpoint" in str(unreachable.value.hint)


def test_the_exported_log_goes_to_a_bucket_too(cloud: Cloud, bucket: str) -> None:
    store = S3Store(cloud.client, bucket, "tiles", retain=timedelta(days=1))
    log = Log()

    def entries(start: int, stop: int) -> list[bytes]:
        return [str(n).encode() for n in range(start, stop)]

    for size in (3, 300):
        note = log.note(size)
        assert export_tiles(store, size, entries, note=note).root == log.root(size)
    assert export_tiles(store, 300, entries, note=log.note(300)).written == 0
    assert store.read("checkpoint") == log.note(300)
    read_tiles(store, 300, log.root(300))
