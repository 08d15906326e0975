"""Schema versions: up when the program is newer, down when it is older than the database.

A program cannot know how to undo what a newer one did, so the newer one leaves the way down of
each of its migrations in the database.
"""

import logging
import re
import sqlite3
from dataclasses import dataclass
from importlib.resources import files

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"(\d{4})_(up|down)_\w+\.sql")


class CannotMigrate(Exception):
    """The database has a schema from which there is no way to this program's."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step between two versions of the schema."""

    version: int
    up: str
    down: str


def shipped() -> list[Migration]:
    """Return the migrations of this program, oldest first."""
    scripts: dict[int, dict[str, str]] = {}
    for resource in (files("ocppd.store") / "migrations").iterdir():
        if name := _NAME.fullmatch(resource.name):
            version, direction = int(name[1]), name[2]
            scripts.setdefault(version, {})[direction] = resource.read_text("utf-8")
    return [
        Migration(version, scripts[version]["up"], scripts[version].get("down", ""))
        for version in sorted(scripts)
    ]


def migrate(connection: sqlite3.Connection, migrations: list[Migration]) -> None:
    """Bring a database to the schema of the last migration, each step whole or not at all.

    Raises:
        CannotMigrate: the database is newer and its way down is missing
        sqlite3.Error: the file is damaged, or the disk fails

    """
    target = migrations[-1].version
    [present] = connection.execute("PRAGMA user_version").fetchone()
    for migration in migrations:
        if migration.version > present:
            _step(connection, migration.up, migration.version, migration)
    while present > target:
        row = connection.execute(
            "SELECT down FROM migration WHERE version = ?", (present,)
        ).fetchone()
        if row is None:
            raise CannotMigrate(f"the store has schema {present}, this program knows {target}")
        _LOG.warning("taking the store from schema %d back to %d", present, present - 1)
        _step(connection, row[0], present - 1, None)
        present -= 1


def _step(
    connection: sqlite3.Connection, script: str, version: int, applied: Migration | None
) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, down TEXT NOT NULL)"
        )
        for statement in statements(script):
            connection.execute(statement)
        if applied is not None:
            connection.execute(
                "INSERT OR REPLACE INTO migration VALUES (?, ?)", (version, applied.down)
            )
        else:
            connection.execute("DELETE FROM migration WHERE version > ?", (version,))
        connection.execute(f"PRAGMA user_version = {version:d}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> list[str]:
    """Split a script into its statements."""
    found: list[str] = []
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
