"""The kit's own commands, called as a user calls them: in a process of their own, by their public options."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgaudit_kit.demo.teller import Teller
from pgaudit_kit.errors import KitError

SHELL = "$ "
WIDTH = 96  # of what a command prints; it is shown indented


class DemoFailed(KitError):
    """The demonstration did not go as it should."""

    exit_code = 1
    hint = "Please report this with what was printed."


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Kit:
    """Runs commands of the kit on one database, in a folder with a pgaudit.toml of its own."""

    dsn: str
    folder: Path
    teller: Teller

    def run(self, *arguments: str, expect: int = 0, show: bool = True) -> Answer:
        """Run a command to its end and show it with its answer; DemoFailed where it ends otherwise."""
        if show:
            self.teller.typed(SHELL, command_line(arguments))
        done = subprocess.run(
            _program(arguments),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        answer = Answer(done.returncode, done.stdout, done.stderr)
        if show and answer.out:
            self.teller.answer(answer.out)
        if answer.code != expect:
            raise DemoFailed(
                f"`{command_line(arguments)}` ended with {answer.code}, not {expect}.\n{answer.err.strip()}"
            )
        return answer

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Callable[[], bool]]:
        """A command that keeps going during the block, which can ask whether it does; then it has to end."""
        self.teller.typed(SHELL, f"{command_line(arguments)} &")
        process = subprocess.Popen(
            _program(arguments),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield lambda: process.poll() is None
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate()
        if process.returncode != 0:
            raise DemoFailed(f"`{command_line(arguments)}` ended with {process.returncode}.\n{said.strip()}")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PGAUDIT_KIT_DSN": self.dsn, "COLUMNS": str(WIDTH)}


def command_line(arguments: tuple[str, ...]) -> str:
    """The command as it is typed."""
    return shlex.join(("pgaudit-kit", *arguments))


def _program(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-P", "-m", "pgaudit_kit", *arguments]
