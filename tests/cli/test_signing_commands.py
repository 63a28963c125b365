"""`key` and `checkpoint`: what they print, what they refuse, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgaudit_kit.note import open_note, parse_checkpoint, parse_note, parse_vkey
from tests.kit import run
from tests.sealing import audited_table, one, seal, write
from tests.servers import Database

ORIGIN = "audit.example.com/shop"


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key made by the command, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    answer = run("key", "generate", ORIGIN, "--key", str(tmp_path / "log.key"))
    assert answer.code == 0, answer.err
    return tmp_path / "log.key"


@pytest.fixture
def log(kit_db: Database) -> Database:
    """A log of one seal."""
    audited_table(kit_db, kit_db.dsn)
    write(kit_db, 1)
    seal(kit_db)
    return kit_db


def test_generate_prints_the_public_half_alone(key: Path) -> None:
    shown = run("key", "show", "--key", str(key), "--json").json
    assert parse_vkey(shown["vkey"]).name == ORIGIN
    assert "PRIVATE" in key.read_text() and "PRIVATE" not in str(shown)
    again = run("key", "generate", ORIGIN, "--key", str(key))
    assert again.code == 2 and "there already" in again.err


def test_a_name_that_no_note_can_carry_is_refused(tmp_path: Path) -> None:
    answer = run("key", "generate", "my shop", "--key", str(tmp_path / "key"))
    assert answer.code == 2 and "cannot name a log" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_the_hint_says_where_it_goes(log: Database, tmp_path: Path) -> None:
    answer = run("--dsn", log.dsn, "--config", str(config(tmp_path, "")), "checkpoint")
    assert answer.code == 2 and "--key" in answer.err


def config(folder: Path, text: str) -> Path:
    path = folder / "pgaudit.toml"
    path.write_text(text)
    return path


def test_checkpoint_prints_the_signed_note(log: Database, key: Path) -> None:
    answer = run("--dsn", log.dsn, "checkpoint", "--key", str(key))
    assert answer.code == 0, answer.err
    vkey = parse_vkey(run("key", "show", "--key", str(key)).out.strip())
    assert open_note(answer.out.encode(), [vkey]) == [vkey]
    checkpoint = parse_checkpoint(parse_note(answer.out.encode()).text)
    assert checkpoint.size == one(log, "SELECT log_size FROM audit.seal_state")
    assert checkpoint.root == bytes(one(log, "SELECT audit.log_root(log_size) FROM audit.seal_state"))


def test_an_empty_log_is_not_signed(kit_db: Database, key: Path) -> None:
    answer = run("--dsn", kit_db.dsn, "checkpoint", "--key", str(key))
    assert answer.code == 4 and "Nothing was sealed" in answer.err


def test_a_rewritten_log_ends_with_1_and_says_what_to_do(log: Database, key: Path) -> None:
    assert run("--dsn", log.dsn, "checkpoint", "--key", str(key)).code == 0
    log.execute("ALTER TABLE audit.blocks DISABLE TRIGGER USER")
    log.execute("UPDATE audit.blocks SET header = header || ' ' WHERE log_index = 0")
    answer = run("--dsn", log.dsn, "checkpoint", "--key", str(key), "--json")
    assert answer.code == 1
    assert "log-forked" in answer.out + answer.err and "verify --all" in answer.out + answer.err


def test_key_and_state_come_from_the_configuration(
    log: Database, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    file = config(
        tmp_path / "etc", f'[signing]\norigin = "{ORIGIN}"\nkey = "../log.key"\nstate = "../shop.state"\n'
    )
    answer = run("--dsn", log.dsn, "--config", str(file), "checkpoint", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["origin"] == ORIGIN and answer.json["anchors"] == {}
    assert (tmp_path / "shop.state").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('origin = "my shop"\nkey = "k"', "is not like"),
        ('origin = "a"\nkey = ""', "name files"),
        ('origin = "a"\nkey = "k"\nevery = "1ms"', "between 1s and 24h"),
        ('origin = "a"', "'key' is missing"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    answer = run("--config", str(config(tmp_path, f"[signing]\n{text}\n")), "checkpoint")
    assert answer.code == 2 and said in answer.err and "signing" in answer.err


def test_rotation_is_on_record_signed_by_both_and_signing_goes_on(log: Database, key: Path) -> None:
    before = parse_vkey(run("key", "show", "--key", str(key)).out.strip())
    answer = run("--dsn", log.dsn, "key", "rotate", "--key", str(key), "--json")
    assert answer.code == 0, answer.err
    after = parse_vkey(answer.json["vkey"])
    size = answer.json["from_size"]
    note = one(
        log,
        "SELECT new_values ->> 'note' FROM audit.change_events WHERE new_values ->> 'kind' = 'key-rotation'",
    )
    assert open_note(note.encode(), [before, after]) == [before, after]
    assert sorted(path.name for path in key.parent.iterdir() if "key" in path.name) == [
        "log.key", "log.key.state", "log.key.state.lock", f"log.key.until-{size}",
    ]  # fmt: skip
    write(log, 2)
    seal(log)
    signed = run("--dsn", log.dsn, "checkpoint", "--key", str(key))
    assert signed.code == 0, signed.err
    assert open_note(signed.out.encode(), [before, after]) == [after]


def test_a_restored_log_needs_another_name(log: Database, key: Path) -> None:
    run("--dsn", log.dsn, "checkpoint", "--key", str(key))
    answer = run("--dsn", log.dsn, "checkpoint", "--restored", "--key", str(key))
    assert answer.code == 2 and "--origin" in answer.err
    same = run("--dsn", log.dsn, "checkpoint", "--restored", "--origin", ORIGIN, "--key", str(key))
    assert same.code == 1 and f"{ORIGIN}/2" in same.err
    other = run(
        "--dsn", log.dsn, "checkpoint", "--restored", "--origin", f"{ORIGIN}/2", "--key", str(key), "--json"
    )
    assert other.code == 0 and other.json["origin"] == f"{ORIGIN}/2"
