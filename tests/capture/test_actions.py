"""Actions that pgaudit.toml declares for some operations: another operation is recorded, and marked."""

from pathlib import Path

from tests.kit import Kit
from tests.servers import Database

CONFIG = """
[actions]
publish = ["update"]
"say \\"it's\\"" = ["insert", "delete"]

[[tables]]
name = "public.doc"
"""


def act(db: Database, action: str, statement: str) -> None:
    with db.transaction():
        db.execute(
            'SELECT audit.set_context(action => %s, extra => \'{"action_mismatch": "mine"}\')', (action,)
        )
        db.execute(statement.encode())


def test_an_operation_that_does_not_fit_its_action_is_marked(kit_db: Database, tmp_path: Path) -> None:
    kit_db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, a int)")
    kit = Kit(kit_db.dsn)
    kit.config = tmp_path / "pgaudit.toml"
    kit.declare(CONFIG)
    kit("apply", "--yes")
    act(kit_db, "publish", "INSERT INTO public.doc VALUES (1, 1)")
    act(kit_db, "publish", "UPDATE public.doc SET a = 2")
    act(kit_db, 'say "it\'s"', "UPDATE public.doc SET a = 3")
    act(kit_db, "anything else", "UPDATE public.doc SET a = 4")
    act(kit_db, "publish", "TRUNCATE public.doc")
    marks = kit_db.execute(
        "SELECT operation, action, context -> 'action_mismatch' FROM audit.events"
        " WHERE operation <> 'CONTROL' ORDER BY event_id"
    ).fetchall()
    assert marks == [
        ("INSERT", "publish", True),
        ("UPDATE", "publish", None),
        ("UPDATE", 'say "it\'s"', True),
        ("UPDATE", "anything else", None),
        ("TRUNCATE", "publish", True),
    ]
    kit.declare("[[tables]]\nname = 'public.doc'\n")
    kit("apply", "--yes")
    act(kit_db, "publish", "INSERT INTO public.doc VALUES (1, 1)")
    assert kit_db.execute(
        "SELECT context ->> 'action_mismatch' FROM audit.events ORDER BY event_id DESC LIMIT 1"
    ).fetchone() == ("mine",)
