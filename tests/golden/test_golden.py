"""Every template, rendered, is what its golden file holds, and PostgreSQL's own parser takes it.

`make golden` writes the files anew; what changed is then read in the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pglast
import pytest

from pgaudit_kit import resources
from pgaudit_kit.render import Templates, capture_units, kit_units
from pgaudit_kit.render.units import MANAGERS
from tests.golden.specs import CAPTURED

HERE = Path(__file__).parent
TEMPLATES = Templates("audit", personal_context=("ip", "user_agent"))


def rendered() -> dict[str, str]:
    """The text of each golden file, by its path."""
    files = {}
    for manager in MANAGERS:
        for unit in kit_units(TEMPLATES, event_triggers=True, manager=manager):
            files[f"kit/{unit.path.replace('triggers/', 'events/')}"] = unit.sql
    for folder in ("roles", "schema", "tables"):
        for path in resources.sql_paths(folder):
            files[f"kit/{path}"] = TEMPLATES.render(path)
    for name, spec in CAPTURED.items():
        triggers = []
        for unit in capture_units(TEMPLATES, spec):
            if unit.objects[0].kind == "function":
                files[f"capture/{name}_{unit.objects[0].name.rpartition('_')[0]}.sql"] = unit.sql
            else:
                triggers.append(unit.sql)
        files[f"capture/{name}_triggers.sql"] = "".join(triggers)
    return files


FILES = dict(sorted(rendered().items()))


@pytest.mark.parametrize("path", FILES)
def test_template_renders_as_its_golden_file(path: str):
    file = HERE / path
    if os.environ.get("PGAUDIT_KIT_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FILES[path], encoding="utf-8")
    assert file.read_text(encoding="utf-8") == FILES[path], "make golden writes the file anew"


def test_no_golden_file_is_left_over():
    found = {str(file.relative_to(HERE)) for file in HERE.rglob("*.sql")}
    if os.environ.get("PGAUDIT_KIT_GOLDEN") == "write":
        for path in found - set(FILES):
            (HERE / path).unlink()
        found &= set(FILES)
    assert found == set(FILES)


@pytest.mark.parametrize("path", FILES)
def test_postgresql_parses_it(path: str):
    # its PL/pgSQL parser knows no schemas but public, and no arrays of a view's rows
    text = FILES[path].replace('"audit".', "public.")
    statements = pglast.split(re.sub(r"^( +v_\w+) public\.\w+\[\];$", r"\1 text[];", text, flags=re.M))
    assert statements
    for text in statements:
        (statement,) = pglast.parse_sql(text) or ()
        if isinstance(statement.stmt, pglast.ast.CreateFunctionStmt):
            options = {option.defname: option.arg for option in statement.stmt.options or ()}
            if options["language"].sval == "plpgsql":
                assert pglast.parse_plpgsql(text)
