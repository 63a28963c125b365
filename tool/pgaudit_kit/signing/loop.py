"""Signs again and again, beside the sealing: a slow anchor must hold nobody up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg

from pgaudit_kit.db import Connection, kit_error
from pgaudit_kit.errors import KitError
from pgaudit_kit.signing.signer import LogForked, Outcome, Signer

LONGEST_WAIT_S = 60.0


class Log(Protocol):
    """Where the loop says what it does; structlog's loggers are such."""

    def info(self, event: str, **facts: Any) -> Any:
        """Note what happened."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Note what did not happen."""

    def error(self, event: str, **facts: Any) -> Any:
        """Note what somebody should look at."""


@dataclass(slots=True, kw_only=True)
class SigningLoop:
    """A thread with a connection of its own. `forked` tells at the end whether the log has two histories."""

    connect: Callable[[], Connection]
    make_signer: Callable[[Connection], Signer]
    every: float
    stop: threading.Event
    log: Log
    signed: int = 0
    forked: bool = False
    _failures: int = 0
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="signing", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for what is under way; an anchor that does not answer is left alone."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self.stop.is_set():
            try:
                with self.connect() as conn:
                    signer = self.make_signer(conn)
                    self._serve(signer)
            except (psycopg.Error, KitError) as error:
                self._tell(error)
                self.stop.wait(min(LONGEST_WAIT_S, self.every * 2**self._failures))
                self._failures = min(self._failures + 1, 10)

    def _serve(self, signer: Signer) -> None:
        while not self.stop.is_set():
            outcome = signer.run()
            self._failures, self.forked = 0, bool(outcome and outcome.conflicts)
            if outcome is not None:
                self._tell_outcome(outcome)
            self.stop.wait(self.every)

    def _tell_outcome(self, outcome: Outcome) -> None:
        if outcome.new:
            self.signed += 1
            self.log.info("signed", size=outcome.checkpoint.size, root=outcome.checkpoint.root.hex())
        for name, kept in outcome.conflicts.items():
            self.log.error(
                "an anchor holds another history", anchor=name, error=outcome.anchors[name], kept=str(kept)
            )
        for name in outcome.failed:
            if name in outcome.conflicts:
                continue
            self.log.warning("anchor did not take the checkpoint", anchor=name, error=outcome.anchors[name])

    def _tell(self, error: psycopg.Error | KitError) -> None:
        known = kit_error(error) if isinstance(error, psycopg.Error) else error
        self.forked = isinstance(known, LogForked)
        tell = self.log.error if self.forked else self.log.warning
        tell("not signed", error=known.message, **({"hint": known.hint} if known.hint else {}))
