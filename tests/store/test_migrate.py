import sqlite3

import pytest

from ocppd.store.migrate import CannotMigrate, Migration, migrate, shipped, statements

FIRST = Migration(1, "CREATE TABLE one (x);", "")
SECOND = Migration(2, "CREATE TABLE two (x);\nINSERT INTO one VALUES (7);", "DROP TABLE two;")


@pytest.fixture
def database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}


def version(database: sqlite3.Connection) -> int:
    return database.execute("PRAGMA user_version").fetchone()[0]


def test_up_in_order_and_once(database: sqlite3.Connection) -> None:
    migrate(database, [FIRST, SECOND])
    migrate(database, [FIRST, SECOND])

    assert tables(database) == {"migration", "one", "two"}
    assert database.execute("SELECT x FROM one").fetchall() == [(7,)]
    assert version(database) == 2


def test_an_older_program_goes_down_by_what_the_newer_one_left(
    database: sqlite3.Connection,
) -> None:
    migrate(database, [FIRST, SECOND])
    migrate(database, [FIRST])

    assert tables(database) == {"migration", "one"}
    assert version(database) == 1


def test_without_a_way_down_nothing_is_touched(database: sqlite3.Connection) -> None:
    migrate(database, [FIRST, SECOND])
    database.execute("DELETE FROM migration WHERE version = 2")

    with pytest.raises(CannotMigrate):
        migrate(database, [FIRST])
    assert "two" in tables(database)


def test_a_step_that_fails_leaves_the_old_schema(database: sqlite3.Connection) -> None:
    bad = Migration(2, "CREATE TABLE two (x);\nINSERT INTO nowhere VALUES (1);", "")

    with pytest.raises(sqlite3.Error):
        migrate(database, [FIRST, bad])
    assert tables(database) == {"migration", "one"}
    assert version(database) == 1


def test_the_shipped_ones_are_numbered_without_gaps() -> None:
    migrations = shipped()

    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))
    assert all(migration.down for migration in migrations[1:])


def test_statements_are_split_at_their_ends_alone() -> None:
    script = "-- a; b\nINSERT INTO t VALUES ('x;y');\nSELECT 1;\n"

    assert statements(script) == ["-- a; b\nINSERT INTO t VALUES ('x;y');\n", "SELECT 1;\n"]
