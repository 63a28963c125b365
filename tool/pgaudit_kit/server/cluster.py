"""One PostgreSQL cluster: where its files are, how it is made, how its server is called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pgaudit_kit.server.account import Account
from pgaudit_kit.server.binaries import Binaries
from pgaudit_kit.server.errors import BadDataDirectory, ServerFailed

SUPERUSER = "postgres"
PORT = 5432  # names the socket file only: nothing listens on the network
SOCKET_LIMIT = 107 if sys.platform == "linux" else 103  # bytes of sun_path without its zero
LOCALES = ("C.UTF-8", "C")  # the second where the system lacks the first

SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_locks_per_transaction": "128",
    "max_prepared_transactions": "10",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
THROW_AWAY = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folders of one cluster, below `home`, which belongs to us. All paths are resolved.

    `data_dir` and `socket_dir` belong to the server's account and let nobody else in, which is
    what restricts access: the server asks for no password.
    """

    home: Path
    data_dir: Path
    socket_dir: Path

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    @property
    def exists(self) -> bool:
        """Whether initdb has completed."""
        return (self.data_dir / "PG_VERSION").is_file()

    @property
    def major(self) -> str:
        """The major version of the data, like `18`."""
        return (self.data_dir / "PG_VERSION").read_text().strip()

    def dsn(self, dbname: str = "postgres", user: str = SUPERUSER) -> str:
        """A connection URI for the cluster's socket, without spaces, as libpq takes it."""
        return socket_dsn(str(self.socket_dir), PORT, dbname, user)


def socket_dsn(socket_dir: str, port: int, dbname: str, user: str) -> str:
    """A connection URI for a socket folder."""
    return (
        f"postgresql://{quote(user, safe='')}@/{quote(dbname, safe='')}"
        f"?host={quote(socket_dir, safe='/')}&port={port}"
    )


def fits_socket(folder: Path) -> bool:
    """Whether the path of a socket in `folder` is short enough for the system."""
    return len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_LIMIT


def give_folder(path: Path, account: Account) -> None:
    """Makes sure that `path` is a folder of the account that nobody else can enter.

    Raises BadDataDirectory: something else is there.
    """
    try:
        path.mkdir(mode=0o700)
        if account.switch:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    except FileExistsError:
        status = path.lstat()
        if path.is_symlink() or not path.is_dir() or status.st_uid != account.uid:
            raise BadDataDirectory(f"{path} is not a folder of {account.name}.") from None
        path.chmod(0o700)


def initialize(
    cluster: Cluster,
    binaries: Binaries,
    account: Account,
    *,
    settings: Mapping[str, str] = SETTINGS,
    ephemeral: bool = False,
    prefix: Sequence[str] = (),
) -> None:
    """Creates the cluster's data, complete or not at all. `prefix` goes before the program.

    Raises ServerFailed with what initdb said.
    """
    unfinished = cluster.data_dir.with_name(cluster.data_dir.name + ".part")
    said = ""
    for locale in LOCALES:
        shutil.rmtree(unfinished, ignore_errors=True)
        give_folder(unfinished, account)
        command = [*prefix, *_initdb(binaries, unfinished, locale, ephemeral)]
        options: dict[str, Any] = {} if prefix else account.subprocess_options()
        answer = subprocess.run(
            command,
            **options,
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if answer.returncode == 0:
            _configure(unfinished / "postgresql.conf", settings)
            unfinished.rename(cluster.data_dir)
            return
        said = said or answer.stdout.strip()
    raise ServerFailed(f"initdb failed: {said}")


def postgres_options(cluster: Cluster, settings: Mapping[str, str]) -> list[str]:
    """Command line options of the server: reachable by its socket alone."""
    fixed = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{cluster.socket_dir}"',
        "unix_socket_permissions": "0700",
    }
    return [option for name, value in {**settings, **fixed}.items() for option in ("-c", f"{name}={value}")]


def environment() -> dict[str, str]:
    """The server's environment: ours without libpq's variables and with plain messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def log_tail(cluster: Cluster, lines: int = 8) -> str:
    """The last lines the server logged."""
    try:
        return "\n".join(cluster.log_file.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def open_log(cluster: Cluster) -> int:
    """A descriptor that appends to the log; only we can read it, for it quotes statements."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    return os.open(cluster.log_file, flags, 0o600)


def _initdb(binaries: Binaries, data_dir: Path, locale: str, ephemeral: bool) -> list[str]:
    command = [binaries.program("initdb"), "--pgdata", str(data_dir), "--encoding", "UTF8"]
    command += ["--locale", locale, "--username", SUPERUSER]
    command += ["--auth-local", "trust", "--auth-host", "reject"]
    return [*command, "--no-sync"] if ephemeral else command


def _configure(file: Path, settings: Mapping[str, str]) -> None:
    """Appends settings; the account owns the folder, so a link there must not lead us elsewhere."""
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    with open(descriptor, "a", encoding="utf-8") as config:
        config.write(f"\n# Set when pgaudit-kit created this cluster; change them as you like.\n{lines}")
