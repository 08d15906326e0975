"""The file of the store: opened, migrated, and put right when it is damaged.

What is damaged, or newer than this program and without a way back, is kept aside, and what can be
read of it goes into a new file. Where the disk fails, the same is done in memory.
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ocppd.store.database import is_schema_error
from ocppd.store.migrate import CannotMigrate, migrate, shipped
from ocppd.store.rescue import (
    image_of,
    in_memory,
    opened,
    raise_sequence,
    salvage,
    tables,
    tolerate_any_text,
)

_LOG = logging.getLogger(__name__)

_DAMAGED_KEPT = 3
# Where the queue of a file that could not be read yet may have numbers, ours begin behind them.
FIRST_WITHOUT_FILE = 1 << 30
_PARTS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that was unusable: where it is kept, and how many rows of each table were saved."""

    kept_as: Path
    reason: str
    saved: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        saved = ", ".join(f"{count} of {table}" for table, count in self.saved.items() if count)
        return f"kept as {self.kept_as.name}; saved: {saved or 'nothing'}"


class StoreFile:
    """One file, opened again and again until it works: the writer's `Opener`.

    `on_damage` is called when a file was kept aside, from whatever thread opens it; `on_merged`
    when a file that could not be read before was joined with what the memory has, with the number
    of its documents and variables that the memory does not know.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], datetime],
        on_damage: Callable[[Damage], None] = lambda damage: None,
        on_merged: Callable[[int], None] = lambda unread: None,
    ) -> None:
        self._path = path
        self._now = now
        self._on_damage = on_damage
        self._on_merged = on_merged
        self._identity: tuple[int, int] | None = None

    def open(self) -> sqlite3.Connection:
        """Open the file, make or migrate it, and put right what is damaged.

        Raises:
            sqlite3.Error, OSError: the disk fails; the file is as it was, or kept aside

        """
        path = self._path
        try:
            _check_length(path)
            connection = ready(path)
        except (sqlite3.Error, CannotMigrate, UnicodeDecodeError) as error:
            if not is_damage(error):
                raise
            image = b""
            with suppress(OSError):
                image = image_of(path)
            kept_as = self._set_aside()
            _LOG.error("the store is unusable (%s); kept as %s, starting anew", error, kept_as)
            try:
                connection = ready(path)
            except sqlite3.Error:
                with suppress(OSError):  # for a better day
                    _move(kept_as, path)
                raise
            damage = Damage(kept_as, str(error), _saved(image, connection))
            _LOG.error("%s", damage)
            self._on_damage(damage)
        with suppress(OSError):
            status = path.stat()
            self._identity = (status.st_dev, status.st_ino)
        return connection

    def is_there(self) -> bool:
        """Tell whether the file is still the one that was opened last."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # it is there, and what is wrong with it shows when it is written
        return self._identity in (None, (status.st_dev, status.st_ino))

    def rescue(self) -> tuple[sqlite3.Connection, bool]:
        """Return what can be read of the file in memory, and whether that is all there is."""
        memory = in_memory()
        try:
            image = image_of(self._path)
        except OSError as error:
            _LOG.warning("the store cannot be read: %s", error)
            migrate(memory, shipped())
            raise_sequence(memory, "queue", FIRST_WITHOUT_FILE)
            return memory, False
        try:
            whole = opened(image)
            migrate(whole, shipped())
            [verdict] = whole.execute("PRAGMA quick_check(1)").fetchone()
        except (sqlite3.Error, CannotMigrate, UnicodeDecodeError) as error:
            _LOG.error("the store is unusable (%s)", error)
        else:
            if verdict == "ok":
                memory.close()
                return whole, True
            whole.close()
        migrate(memory, shipped())
        _saved(image, memory)
        return memory, True

    def merge(self, memory: sqlite3.Connection, file: sqlite3.Connection, *, whole: bool) -> None:
        """Make the file what the memory is; if the memory is not `whole`, only add to it.

        Raises:
            sqlite3.Error: the disk fails; the file is as it was

        """
        unread = 0
        file.execute("BEGIN IMMEDIATE")
        try:
            if not whole:
                unread = sum(_unread(table, memory, file) for table in ("document", "variable"))
                _make_room(memory, file)
            for table in tables(memory):
                _merge_table(table, memory, file, whole=whole)
            for name, last in memory.execute("SELECT name, seq FROM sqlite_sequence"):
                raise_sequence(file, name, last)
            file.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if file.in_transaction:
                    file.execute("ROLLBACK")
            raise
        if not whole:
            self._on_merged(unread)

    def _set_aside(self) -> Path:
        """Move the file away, and of those moved before keep only the newest."""
        stamp = f"{self._path.name}.damaged-{self._now():%Y%m%dT%H%M%S}"
        kept_as = self._path.with_name(stamp)
        count = 1
        while kept_as.exists():
            count += 1
            kept_as = self._path.with_name(f"{stamp}-{count}")
        _move(self._path, kept_as)
        older = [
            each
            for each in self._path.parent.glob(f"{self._path.name}.damaged-*")
            if not each.name.endswith(("-wal", "-shm"))
        ]
        older.sort(key=lambda each: (each == kept_as, each.stat().st_mtime))
        for each in older[:-_DAMAGED_KEPT]:
            for part in _PARTS:
                with suppress(OSError):
                    each.with_name(each.name + part).unlink(missing_ok=True)
        return kept_as


def _move(path: Path, target: Path) -> None:
    for part in reversed(_PARTS):  # a log without its database is worth nothing: that goes last
        source = path.with_name(path.name + part)
        if source.exists():
            source.rename(target.with_name(target.name + part))


def _saved(image: bytes, connection: sqlite3.Connection) -> dict[str, int]:
    try:
        return salvage(image, connection)
    except (sqlite3.Error, MemoryError):
        _LOG.exception("nothing could be saved of the damaged store")
        return {}


def is_damage(error: Exception) -> bool:
    """Tell whether an error is the file's fault, and not that of the disk."""
    if isinstance(error, sqlite3.OperationalError):
        return is_schema_error(error)  # read-only, full, locked
    # What SQLite says of a damaged name is no text either.
    return isinstance(error, sqlite3.DatabaseError | CannotMigrate | UnicodeDecodeError)


def _check_length(path: Path) -> None:
    """Raise sqlite3.DatabaseError for an empty file: SQLite would begin anew, and say nothing."""
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise sqlite3.DatabaseError("the file is empty")
    except OSError:
        return  # what is wrong shows when it is opened


def connect(path: Path) -> sqlite3.Connection:
    """Open the database for one writer: WAL, and each commit on disk before it returns.

    It holds passwords, so nobody else may read it; SQLite gives its companions the same mode.
    """
    with suppress(OSError):
        path.chmod(0o600)
    before = os.umask(0o077)
    try:
        return _connect(path)
    finally:
        os.umask(before)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    tolerate_any_text(connection)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 100",
            "temp_store = MEMORY",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def ready(path: Path) -> sqlite3.Connection:
    """Open, make or migrate a file and look it through.

    Raises:
        sqlite3.Error, CannotMigrate, UnicodeDecodeError: it cannot be used

    """
    connection = connect(path)
    try:
        target = shipped()
        [present] = connection.execute("PRAGMA user_version").fetchone()
        if present not in (0, target[-1].version):
            _keep_copy(connection, path, present)
        migrate(connection, target)
        [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        for statement in _looks():
            connection.execute(statement).fetchone()
    except (sqlite3.Error, CannotMigrate, UnicodeDecodeError):
        connection.close()
        raise
    return connection


def _looks() -> list[str]:
    """Return statements that fail unless all tables and columns are there."""
    memory = in_memory()
    migrate(memory, shipped())
    looks = []
    for table in tables(memory):
        columns = ", ".join(row[1] for row in memory.execute(f'PRAGMA table_info("{table}")'))
        looks.append(f'SELECT {columns} FROM "{table}" LIMIT 1')  # noqa: S608
    memory.close()
    return looks


def _keep_copy(connection: sqlite3.Connection, path: Path, schema: int) -> None:
    """Keep the file as it is before a migration, and no older copy."""
    target = path.with_name(f"{path.name}.schema-{schema}")
    aside = path.with_name(f"{path.name}.copy")
    try:
        aside.unlink(missing_ok=True)
        copy = sqlite3.connect(aside, isolation_level=None)
        try:
            connection.backup(copy)
        finally:
            copy.close()
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.rename(target)
        _sync_folder(path.parent)
        for older in path.parent.glob(f"{path.name}.schema-*"):
            if older != target:
                older.unlink()
    except (OSError, sqlite3.Error) as error:
        # Each step is whole or not at all, with a copy or without.
        _LOG.warning("no copy of the store is kept before it is migrated: %s", error)
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _merge_table(
    table: str, memory: sqlite3.Connection, file: sqlite3.Connection, *, whole: bool
) -> None:
    described = memory.execute(f'PRAGMA table_info("{table}")').fetchall()
    keys = [(each[5], each[0], each[1]) for each in described if each[5]]
    places = [place for _, place, _ in sorted(keys)]
    select = f'SELECT * FROM "{table}"'  # noqa: S608
    present = {tuple(row[place] for place in places): row for row in file.execute(select)}
    marks = ", ".join("?" * len(described))
    for row in memory.execute(select):
        if present.pop(tuple(row[place] for place in places), None) != row:
            file.execute(f'INSERT OR REPLACE INTO "{table}" VALUES ({marks})', row)  # noqa: S608
    if whole:
        match = " AND ".join(f'"{name}" = ?' for _, _, name in sorted(keys))
        for key in present:
            file.execute(f'DELETE FROM "{table}" WHERE {match}', key)  # noqa: S608


def _unread(table: str, memory: sqlite3.Connection, file: sqlite3.Connection) -> int:
    described = memory.execute(f'PRAGMA table_info("{table}")').fetchall()
    keys = ", ".join(row[1] for row in described if row[5])
    select = f"SELECT {keys} FROM {table}"  # noqa: S608
    return len(set(file.execute(select)) - set(memory.execute(select)))


def _make_room(memory: sqlite3.Connection, file: sqlite3.Connection) -> None:
    """Give the file's queue new numbers, below the numbers that the memory has given."""
    [first] = memory.execute("SELECT min(id) FROM queue").fetchone()
    [last] = file.execute("SELECT max(id) FROM queue").fetchone()
    if first is None or last is None or last < first:
        return
    ids = [each for (each,) in file.execute("SELECT id FROM queue ORDER BY id")]
    for number, each in enumerate(ids):  # first out of the way of each other
        file.execute("UPDATE queue SET id = ? WHERE id = ?", (-number - 1, each))
    for number in range(len(ids)):
        file.execute(
            "UPDATE queue SET id = ? WHERE id = ?", (first - len(ids) + number, -number - 1)
        )
