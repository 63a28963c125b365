"""The configuration and the policy of docs/how-to/residency.md are read as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from pgaudit_kit import config
from pgaudit_kit.note import VerifierKey
from pgaudit_kit.policy import Policy

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "residency.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_configuration_is_read():
    regions = config.parse(BLOCKS[0]).regions
    assert [(region.name, region.tablespace, region.tenants) for region in regions] == [
        ("eu", "eu_disks", ("acme", "globex")),
        ("world", "other_disks", None),
    ]
    assert config.parse(BLOCKS[1]).signing is not None


def test_a_regions_origin_and_the_common_rules_make_one_policy():
    rules, region = BLOCKS[2:]
    key = VerifierKey("audit.example.com/shop-eu", 1, bytes(32)).vkey
    policy = msgspec.toml.decode(re.sub(r'vkey = "[^"]*"', f'vkey = "{key}"', region) + rules, type=Policy)
    assert policy.origin == "audit.example.com/shop-eu"
    assert policy.freshness == "10min"
    assert policy.tables == ("public.articles", "public.patients")
    assert [anchor.name for anchor in policy.anchors] == ["worm"]
