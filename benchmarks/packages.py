"""An environment of the harness's own for the tools that it compares the kit with."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parent / ".venv"
REQUIREMENTS = (
    "django-pghistory==3.9.2",
    "PostgreSQL-Audit==0.18.0",
    "sqlalchemy>=2.0",
    "psycopg[binary]>=3.2.2",
)


def environment() -> str:
    """Its Python; made on first use, and anew when the requirements change."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "requirements"
    wanted = "\n".join(REQUIREMENTS)
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print(f"Installing {', '.join(REQUIREMENTS[:2])} into {FOLDER}", file=sys.stderr)
        venv.create(FOLDER, with_pip=True, clear=True)
        options = ["install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([str(python), "-m", "pip", *options, *REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    return str(python)
