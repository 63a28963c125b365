"""A dump of a divided log comes back as it was, or is put where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import Kit
from tests.regions.conftest import Log
from tests.regions.placement import assert_guarded, assert_placed, eu, lines, regions, work
from tests.restore.dumps import dump, restore
from tests.sealing import assert_sound, seal_all
from tests.servers import PgServer


@pytest.mark.own_programs
@pytest.mark.servers("local", "embedded")
@pytest.mark.parametrize("options", [[], ["--no-tablespaces"]], ids=["as it was", "without tablespaces"])
def test_a_restored_log_is_divided_and_can_be_placed(
    server: PgServer, log: Log, tmp_path: Path, options: list[str]
) -> None:
    log.kit.declare(regions(eu(log.space)).replace("bulk = true", ""))
    log.kit("apply", "--yes")
    seal_all(log.db)
    file = dump(server, log.db.name, tmp_path / "dump", "-Fc")
    with server.database() as copy:
        restore(file, copy, *options)
        kit = Kit(copy.dsn, log.kit.config)
        assert lines(copy) == lines(log.db)
        assert (kit.plan() == []) is not bool(options)
        if options:
            assert "lies in another tablespace than region eu" in kit("doctor", code=1).out
            kit("apply", "--yes")
        assert kit.plan() == []
        work(copy, 2)
        assert_placed(copy, log.space)
        assert_guarded(copy)
        seal_all(copy)
        assert_sound(copy)
        kit("verify", "--all")
