"""A key, a state and an anchor in a folder, and the commands that use them, for tests on other servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.kit import Answer, run


@dataclass
class Keyring:
    """What belongs to one log outside its database."""

    folder: Path

    def __post_init__(self) -> None:
        self.origin = f"audit.example.com/{self.folder.name}"
        key = self.folder / "log.key"
        assert run("key", "generate", self.origin, "--key", str(key)).code == 0
        self.vkey = run("key", "show", "--key", str(key)).out.strip()
        self.anchor = f'[[anchors]]\ntype = "folder"\nname = "worm"\npath = "{self.folder / "worm"}"\n'
        self.name(self.origin)

    def name(self, *origins: str) -> None:
        """Sign the last of these, and trust all of them."""
        signing = f'[signing]\norigin = "{origins[-1]}"\nkey = "log.key"\n'
        (self.folder / "pgaudit.toml").write_text(signing + self.anchor)
        listed = ", ".join(f'"{origin}"' for origin in origins)
        keys = f'[[keys]]\nvkey = "{self.vkey}"\n'
        (self.folder / "policy.toml").write_text(f"origin = [{listed}]\n{keys}{self.anchor}")

    def sign(self, dsn: str, *args: str, code: int = 0) -> Answer:
        """Runs `checkpoint`."""
        answer = run("--dsn", dsn, "--config", str(self.folder / "pgaudit.toml"), "checkpoint", *args)
        assert answer.code == code, answer.err + answer.out
        return answer

    def verify(self, dsn: str, code: int = 0) -> Answer:
        """Runs `verify` with the policy."""
        answer = run("--dsn", dsn, "verify", "--all", "--policy", str(self.folder / "policy.toml"), "--json")
        assert answer.code == code, answer.err + answer.out
        return answer
