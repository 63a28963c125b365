"""[[anchors]] in pgaudit.toml and policy.toml: read strictly, each mistake with its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pgaudit_kit import config
from pgaudit_kit.anchor_specs import FolderAnchor, S3Anchor, WitnessAnchor
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.note import SigningKey
from pgaudit_kit.policy import load_policy

VKEY = "w.example+01234567+BAAA"
GOOD = {
    "folder": 'path = "/mnt/worm"',
    "s3": 'bucket = "evidence"\nprefix = "shop/2026"\nretain = "3650 days"\nowner = "123456789012"',
    "postgres": 'dsn = "service=evidence"',
    "witness": f'url = "https://w.example/prefix"\nvkey = "{VKEY}"\ntimeout_s = 5',
    "timestamp": 'url = "http://tsa.example/tsr"\nca_file = "/etc/ssl/tsa.pem"\npath = "/var/lib/tsa"',
}


def entry(kind: str, body: str, name: str = "one") -> str:
    return f'[[anchors]]\ntype = "{kind}"\nname = "{name}"\n{body}\n'


@pytest.mark.parametrize("kind", GOOD)
def test_each_type_is_read_in_both_files(kind: str, tmp_path: Path) -> None:
    (spec,) = config.parse(entry(kind, GOOD[kind])).anchors
    assert spec.name == "one"
    key = SigningKey.generate("log.example").verifier.vkey
    (tmp_path / "policy.toml").write_text(
        f'origin = "log.example"\n[[keys]]\nvkey = "{key}"\n' + entry(kind, GOOD[kind])
    )
    assert load_policy(tmp_path / "policy.toml").anchors == (spec,)


WRONG = {
    "folder without path": ("folder", "", "'path' is missing"),
    "relative folder": ("folder", 'path = "worm"', "not absolute"),
    "unknown entry": ("folder", 'path = "/w"\nmode = 1', "Unknown entry 'mode'"),
    "another type's entry": ("folder", 'path = "/w"\nbucket = "b"', "Unknown entry 'bucket'"),
    "bucket": ("s3", 'bucket = "Not A Bucket"', "not the name of a bucket"),
    "prefix": ("s3", 'bucket = "abc"\nprefix = "a/../b"', "should not have"),
    "retain": ("s3", 'bucket = "abc"\nretain = "1 year"', "not like '400 days'"),
    "retain of nothing": ("s3", 'bucket = "abc"\nretain = "0 days"', "not like '400 days'"),
    "retain for ever": ("s3", 'bucket = "abc"\nretain = "99999 days"', "at most 36500"),
    "owner": ("s3", 'bucket = "abc"\nowner = "me"', "12 digits"),
    "no dsn": ("postgres", 'dsn = " "', "must say which database"),
    "password": ("postgres", 'dsn = "host=h password=secret"', "must not hold a password"),
    "password in a URI": ("postgres", 'dsn = "postgresql://u:secret@h/d"', "must not hold a password"),
    "plain http": ("witness", f'url = "http://w.example"\nvkey = "{VKEY}"', "must be https"),
    "file": ("witness", f'url = "file:///etc/passwd"\nvkey = "{VKEY}"', "is not a URL"),
    "credentials": ("witness", f'url = "https://u:p@w.example"\nvkey = "{VKEY}"', "name or password"),
    "no key": ("witness", 'url = "https://w.example"\nvkey = "abc"', "name+id+key"),
    "timeout": ("witness", f'url = "https://w.example"\nvkey = "{VKEY}"\ntimeout_s = 0', "between 0.1"),
    "tsa file": ("timestamp", 'url = "http://t.example"\nca_file = "ca.pem"\npath = "/t"', "not absolute"),
    "unknown type": ("blockchain", 'path = "/w"', "Invalid value 'blockchain'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_told_with_its_place_and_without_secrets(what: str) -> None:
    kind, body, words = WRONG[what]
    with pytest.raises(ConfigError) as caught:
        config.parse(entry(kind, body))
    assert words in caught.value.message
    assert "anchors[0]" in str(caught.value.at)
    assert "secret" not in caught.value.message


def test_names_are_words_and_each_once() -> None:
    with pytest.raises(ConfigError, match="two anchors are named 'one'"):
        config.parse(entry("folder", 'path = "/a"') + entry("folder", 'path = "/b"'))
    for name in ("", "a b", "-x", "ä", "x" * 64):
        with pytest.raises(ConfigError, match="is not a word"):
            config.parse(entry("folder", 'path = "/a"', name))


def test_without_more_a_bucket_keeps_checkpoints_for_400_days() -> None:
    assert S3Anchor(name="s", bucket="abc").retention == timedelta(days=400)


def test_this_machine_is_spoken_to_without_tls() -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert WitnessAnchor(name="w", url=f"http://{host}:8300", vkey=VKEY)
    with pytest.raises(ValueError, match="https"):
        WitnessAnchor(name="w", url="http://localhost.evil.example", vkey=VKEY)
    with pytest.raises(ValueError):
        FolderAnchor(name="w", path="relative")
