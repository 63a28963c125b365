"""Runs a check of the installed kit from outside, on an empty database of each server found.

    python -m tests.acceptance.run_contract PATH

PATH is a Python program that takes a superuser's DSN and exits 0 where it is content.
PGAUDIT_KIT_REQUIRE names servers that must be there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import Found, find_servers, open_server


def main(program: str) -> int:
    """0 where the program is content on every server."""
    found = find_servers()
    print(found.header(), flush=True)
    required = {name.strip() for name in os.environ.get("PGAUDIT_KIT_REQUIRE", "").split(",")} - {""}
    if missing := required - set(found.versions):
        print(f"required servers were not found: {sorted(missing)}")
        return 1
    discontent = [name for name in found.versions if not content(name, program, found)]
    print(f"not content on: {', '.join(discontent)}" if discontent else "content on every server")
    return bool(discontent) or not found.versions


def content(name: str, program: str, found: Found) -> bool:
    """Whether the program is content with the kit on this server."""
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    with open_server(name, found) as server, server.database() as database:
        print(f"--- {name} {found.versions[name]}", flush=True)
        result = subprocess.run([sys.executable, program, database.dsn], env=environment)
    return result.returncode == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
