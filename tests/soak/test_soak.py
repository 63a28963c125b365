"""Everything at once, at random: writers, changes of definition, sealers, maintenance, commands, restarts.

SOAK_SECONDS   how long it lasts (40)
SOAK_SEED      a seed repeats what each thread chooses, not how the threads meet (random, and printed)
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.servers import find_servers
from tests.soak.changers import Changer
from tests.soak.keepers import Maintainer, Operator, Resolver, Restarter, Sealer
from tests.soak.oracle import judge
from tests.soak.world import World, made
from tests.soak.writers import Writer

SECONDS = float(os.environ.get("SOAK_SECONDS", "40"))
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(2**31))
WRITERS = 5
SHOWN = 20


@pytest.fixture(params=sorted(find_servers().binaries))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """On each server."""
    with made(request.param, SEED, pace=0.04 if SECONDS < 300 else 0.2) as world:
        yield world


@pytest.mark.long
def test_every_committed_change_is_on_record_whatever_happens(world: World) -> None:
    print(f"\nsoak of {SECONDS:g} s on PostgreSQL {world.major}: SOAK_SEED={SEED}, steps in {world.log}")
    works = {f"writer-{n}": Writer(world, f"writer-{n}", n).run for n in range(1, WRITERS + 1)}
    works |= {f"changer-{n}": Changer(world, f"changer-{n}", n).run for n in range(2)}
    works |= {f"sealer-{n}": Sealer(world, f"sealer-{n}").run for n in range(2)}
    works["maintainer"] = Maintainer(world, "maintainer").run
    works["operator"] = Operator(world, "operator").run
    works["resolver"] = Resolver(world, "resolver").run
    works["restarter"] = Restarter(world, "restarter", min(max(SECONDS / 4, 8), 60)).run
    threads = world.threads(works)
    world.stop.wait(SECONDS)
    world.stop.set()
    for thread in threads:
        if thread.name.startswith("writer"):
            thread.join()
    world.writers_done.set()
    for thread in threads:
        thread.join()
    if not world.failed:
        try:
            world.failed += judge(world)
        except AssertionError as error:
            world.failed.append(f"oracle: {error}")
    _report(world)


def _report(world: World) -> None:
    figures = ", ".join(f"{number} {what}" for what, number in sorted(world.done.items()))
    print(figures)
    if not world.failed:
        return
    steps = world.log.read_text(encoding="utf-8").splitlines()
    findings = "\n".join(world.failed[:SHOWN])
    pytest.fail(
        f"{len(world.failed)} findings; the first:\n{findings}\n\nthe last steps:\n"
        + "\n".join(steps[-40:])
        + f"\n\n{figures}\nall steps: {world.log}\n"
        f"again: make soak SOAK_SECONDS={SECONDS:g} SOAK_SEED={SEED}",
        pytrace=False,
    )
