"""Scripts as psql runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capture.helpers import enable, events
from tests.clients.watching import assert_replayed, psql
from tests.people import open_folder
from tests.servers import Database

Told = list[tuple[str, str | None, str | None]]


@pytest.fixture
def doc(kit_db: Database) -> Database:
    """One audited table."""
    kit_db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, v text)")
    enable(kit_db, "public.doc")
    return kit_db


def told(db: Database) -> Told:
    """Operation, key and actor of each event."""
    return [(event.operation, event.record_key, event.actor_id) for event in events(db)]


def script(db: Database, text: str, *options: str, code: int = 0) -> str:
    """The text, from a file that psql includes."""
    with open_folder() as folder:
        file = folder / "script.sql"
        file.write_text(text)
        return psql(db, *options, "-f", str(file), code=code)


def say(actor: str) -> str:
    return f"SELECT FROM audit.set_context(actor_id => '{actor}');"


def test_a_context_never_leaks_into_the_next_transaction(doc: Database) -> None:
    script(
        doc,
        f"""
        BEGIN; {say("ada")} INSERT INTO doc VALUES (1); COMMIT;
        INSERT INTO doc VALUES (2);
        BEGIN; {say("bob")} ROLLBACK;
        INSERT INTO doc VALUES (3);
        BEGIN; {say("carl")} SELECT 1 / 0; COMMIT;
        INSERT INTO doc VALUES (4);
        {say("outside any block")}
        INSERT INTO doc VALUES (5);
        BEGIN; {say("dora")} INSERT INTO doc VALUES (6); COMMIT AND CHAIN; INSERT INTO doc VALUES (7); COMMIT;
        """,
    )
    assert told(doc) == [
        ("INSERT", "1", "ada"),
        *[("INSERT", key, None) for key in "2345"],
        ("INSERT", "6", "dora"),
        ("INSERT", "7", None),
    ]


def test_savepoints_take_back_rows_and_words(doc: Database) -> None:
    script(
        doc,
        f"""
        BEGIN;
        {say("ada")} INSERT INTO doc VALUES (1);
        SAVEPOINT a; {say("bob")} INSERT INTO doc VALUES (2);
        SAVEPOINT b; {say("carl")} INSERT INTO doc VALUES (3); ROLLBACK TO b;
        INSERT INTO doc VALUES (4);
        ROLLBACK TO a;
        INSERT INTO doc VALUES (5);
        SAVEPOINT c; {say("dora")} INSERT INTO doc VALUES (6); RELEASE c;
        INSERT INTO doc VALUES (7);
        COMMIT;
        """,
    )
    assert told(doc) == [
        ("INSERT", "1", "ada"), ("INSERT", "5", "ada"), ("INSERT", "6", "dora"), ("INSERT", "7", "dora"),
    ]  # fmt: skip
    assert_replayed(doc, "public.doc")


def test_errors_with_and_without_on_error_stop(doc: Database) -> None:
    text = "INSERT INTO doc VALUES (1); INSERT INTO doc VALUES (1); INSERT INTO doc VALUES (2);"
    script(doc, text.replace(";", ";\n"))
    assert told(doc) == [("INSERT", "1", None), ("INSERT", "2", None)]
    psql(doc, "-c", "TRUNCATE doc")
    script(doc, text, "-v", "ON_ERROR_STOP=1", code=3)
    script(doc, text, "-v", "ON_ERROR_STOP=1", "--single-transaction", code=3)
    assert told(doc)[2:] == [("TRUNCATE", None, None), ("INSERT", "1", None)]
    script(
        doc,
        "\\set ON_ERROR_ROLLBACK on\nBEGIN;\nINSERT INTO doc VALUES (3), (1);\n"
        "INSERT INTO doc VALUES (4);\nCOMMIT;",
    )
    assert told(doc)[4:] == [("INSERT", "4", None)]
    assert_replayed(doc, "public.doc")


def test_files_in_and_out(doc: Database) -> None:
    with open_folder() as folder:
        (folder / "rows.csv").write_text("1,a\n2,\n3,c\n")
        (folder / "bad.csv").write_text("4,a\n1,b\n")
        (folder / "inner.sql").write_text("UPDATE doc SET v = 'inner' WHERE id = 1;\n")
        (folder / "outer.sql").write_text(
            f"BEGIN;\n{say('loader')}\n\\copy doc from '{folder}/rows.csv' csv\n\\ir inner.sql\nCOMMIT;\n"
            f"\\copy doc from '{folder}/bad.csv' csv\n"
            f"\\copy (SELECT * FROM doc ORDER BY id) to '{folder}/out.csv' csv\n"
        )
        psql(doc, "-f", str(folder / "outer.sql"))
        assert Path(folder / "out.csv").read_text() == "1,inner\n2,\n3,c\n"
    assert told(doc) == [("INSERT", key, "loader") for key in "123"] + [("UPDATE", "1", "loader")]
    assert_replayed(doc, "public.doc")


def test_several_statements_in_one_message_are_one_transaction(doc: Database) -> None:
    """The simple protocol's implicit transaction: the context holds for all of it, and for no more."""
    psql(
        doc, "-c", f"{say('ada')} INSERT INTO doc VALUES (1); UPDATE doc SET v = 'x'", "-c", "DELETE FROM doc"
    )
    psql(doc, "-c", f"{say('ada')} INSERT INTO doc VALUES (2); SELECT 1 / 0", code=1)
    assert told(doc) == [("INSERT", "1", "ada"), ("UPDATE", "1", "ada"), ("DELETE", "1", None)]
    assert len({event.context["db_user"] for event in events(doc)}) == 1


def test_blocks_and_procedures(doc: Database) -> None:
    """DO with a caught error; a procedure that commits begins a transaction without a context."""
    script(
        doc,
        """
        DO $$BEGIN
            PERFORM audit.set_context(actor_id => 'block');
            FOR i IN 1..3 LOOP
                BEGIN
                    INSERT INTO doc VALUES (i);
                    IF i = 2 THEN RAISE EXCEPTION 'no'; END IF;
                EXCEPTION WHEN raise_exception THEN NULL;
                END;
            END LOOP;
        END$$;
        CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$BEGIN
            PERFORM audit.set_context(actor_id => 'procedure');
            INSERT INTO doc VALUES (4);
            COMMIT;
            INSERT INTO doc VALUES (5);
            ROLLBACK;
            INSERT INTO doc VALUES (6);
        END$$;
        CALL steps();
        """,
        "-v", "ON_ERROR_STOP=1",
    )  # fmt: skip
    assert told(doc) == [
        ("INSERT", "1", "block"), ("INSERT", "3", "block"), ("INSERT", "4", "procedure"),
        ("INSERT", "6", None),
    ]  # fmt: skip
    assert_replayed(doc, "public.doc")


def test_gexec_and_pipelines_of_statements(doc: Database) -> None:
    script(
        doc,
        "SELECT format('INSERT INTO doc VALUES (%s)', i) FROM generate_series(1, 3) AS i \\gexec\n"
        "WITH gone AS (DELETE FROM doc WHERE id = 1 RETURNING id),\n"
        " here AS (UPDATE doc SET v = 'x' WHERE id = 2 RETURNING id)\n"
        "INSERT INTO doc SELECT id + 10 FROM gone UNION ALL SELECT id + 10 FROM here;\n",
        "-v", "ON_ERROR_STOP=1",
    )  # fmt: skip
    assert [event.operation for event in events(doc)][:3] == ["INSERT"] * 3
    assert sorted((event.operation, event.record_key) for event in events(doc)[3:]) == [
        ("DELETE", "1"), ("INSERT", "11"), ("INSERT", "12"), ("UPDATE", "2"),
    ]  # fmt: skip
    assert_replayed(doc, "public.doc")
