"""The file of the store: released schemas, migrations cut anywhere, and what is saved of damage."""

import os
import random
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocppd.model.queue import TransactionFacts
from ocppd.model.variables import AttributeType
from ocppd.store.migrate import Migration, shipped
from ocppd.store.rescue import image_of, in_memory, salvage
from ocppd.store.store_file import Damage, StoreFile, connect
from tests.store.test_store import ADDRESS, Health, Note, event, opened
from tests.torture.unsynced import Disk

FIXTURES = Path(__file__).with_name("fixtures")
NEWER = Migration(
    len(shipped()) + 1,
    "ALTER TABLE queue ADD COLUMN colour TEXT;\nCREATE TABLE news (x);",
    "ALTER TABLE queue DROP COLUMN colour;\nDROP TABLE news;",
)


def released(name: str, folder: Path) -> Path:
    """Make the file of a release from its fixture."""
    folder.mkdir(exist_ok=True)
    path = folder / "ocppd.db"
    database = sqlite3.connect(path)
    database.executescript((FIXTURES / name).read_text())
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    return path


async def check_release(folder: Path, health: Health | None = None) -> None:
    """Open a store and look for all that a fixture holds."""
    with opened(folder, health) as store:
        entries = await store.all_entries()
        assert [(e.id, e.message_id, e.set_aside) for e in entries] == [
            (1, "id-1", "refused 5 times"),
            *((number, f"id-{number}", None) for number in range(2, 7)),
        ]
        assert [e.request for e in entries[:4]] == [event("tx-1", number) for number in range(4)]
        assert store.queued_for("tx-1") == 3
        assert store.load(Note) == {"a": Note("kept")}
        assert store.facts_of("tx-1") == TransactionFacts("1.6", "42")
        assert store.variables == {(ADDRESS, AttributeType.ACTUAL): ("7", "csms")}
        store.queue(event("tx-3", 0))
        assert (await store.waiting("1.6", 10))[-1].id == 7
        await store.durable()


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
async def test_every_release_is_read(tmp_path: Path, name: str) -> None:
    released(name, tmp_path)
    await check_release(tmp_path)


def test_every_schema_has_a_fixture() -> None:
    versions = {f"schema_{migration.version}.sql" for migration in shipped()}
    assert {path.name for path in FIXTURES.iterdir()} == versions


async def test_an_update_and_back_keep_everything_and_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = shipped()[-1].version
    released(f"schema_{newest}.sql", tmp_path)
    with monkeypatch.context() as newer:
        newer.setattr("ocppd.store.store_file.shipped", lambda: [*shipped(), NEWER])
        with opened(tmp_path) as store:
            await store.durable()
    assert (tmp_path / f"ocppd.db.schema-{newest}").exists()
    await check_release(tmp_path)
    copies = sorted(path.name for path in tmp_path.glob("ocppd.db.schema-*"))
    assert copies == [f"ocppd.db.schema-{newest + 1}"], "one copy is enough"


async def test_without_a_way_back_the_queue_is_kept_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = released(f"schema_{shipped()[-1].version}.sql", tmp_path)
    with monkeypatch.context() as newer:
        newer.setattr("ocppd.store.store_file.shipped", lambda: [*shipped(), NEWER])
        with opened(tmp_path) as store:
            await store.durable()
    database = sqlite3.connect(path)
    database.execute("DELETE FROM migration WHERE version > 1")
    database.commit()
    database.close()
    health = Health()
    await check_release(tmp_path, health)
    [damage] = health.damages
    assert f"has schema {NEWER.version}" in damage.reason
    assert damage.kept_as.exists()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_migration_that_is_cut_leaves_the_old_or_the_new(tmp_path: Path, direction: str) -> None:
    newest = shipped()[-1].version
    path = released(f"schema_{newest}.sql", tmp_path / "state")
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, ".")
        import ocppd.store.store_file as store_file
        from ocppd.store.migrate import Migration, shipped
        newer = [*shipped(), Migration({NEWER.version}, {NEWER.up!r}, {NEWER.down!r})]
        if sys.argv[2] == "up":
            store_file.shipped = lambda: newer
        store_file.ready(Path(sys.argv[1])).close()
    """)

    def migrate(way: str, **environment: str) -> None:
        subprocess.run(
            [sys.executable, "-c", program, path, way],
            check=True,
            env={**os.environ, **environment},
        )

    if direction == "down":
        migrate("up")
    disk = Disk(path.parent, tmp_path / "scratch")
    migrate(direction, **disk.env)
    seen = set()
    moments = disk.positions()
    chance = random.Random(3)
    for number, cut in enumerate(moments):
        image = tmp_path / f"image-{number}"
        image.mkdir()
        disk.image(cut, image, chance)
        database = sqlite3.connect(image / "ocppd.db")
        [version] = database.execute("PRAGMA user_version").fetchone()
        [verdict] = database.execute("PRAGMA integrity_check").fetchone()
        columns = [row[1] for row in database.execute("PRAGMA table_info(queue)")]
        count = database.execute("SELECT count(*) FROM queue").fetchone()
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master")]
        database.close()
        assert (verdict, count) == ("ok", (6,))
        assert ("colour" in columns) is ("news" in tables) is (version == NEWER.version)
        seen.add(version)
    assert seen == {newest, NEWER.version}


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


def test_of_damaged_files_the_last_three_are_kept(tmp_path: Path) -> None:
    damages: list[Damage] = []
    file = StoreFile(tmp_path / "ocppd.db", Clock(), damages.append)
    for number in range(5):
        (tmp_path / "ocppd.db").write_bytes(b"nonsense %d" % number * 100)
        file.open().close()
    kept = [path for path in tmp_path.glob("*.damaged-*") if not path.name.endswith("-wal")]
    assert sorted(path.read_bytes()[:10] for path in kept) == [
        b"nonsense 2",
        b"nonsense 3",
        b"nonsense 4",
    ]
    assert len(damages) == 5


@pytest.mark.parametrize("seed", range(40))
async def test_what_can_be_read_of_a_damaged_file_is_saved(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with opened(tmp_path) as store:
        for number in range(60):
            store.queue(event(f"tx-{number // 10}", number % 10))
            store.save(str(number), Note("x" * chance.randrange(6000)))
        await store.durable()
    path = tmp_path / "ocppd.db"
    data = bytearray(path.read_bytes())
    match seed % 4:
        case 0:  # the header is lost: SQLite reads nothing of it, and each page is there
            data[:100] = bytes(100)
        case 1:
            del data[chance.randrange(len(data)) :]
        case 2:
            page = chance.randrange(len(data) // 4096)
            data[page * 4096 : (page + 1) * 4096] = chance.randbytes(4096)
        case 3:
            for _ in range(100):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    health = Health()
    with opened(tmp_path, health) as store:
        entries = await store.waiting("2.x", 1000)
        known = [event(f"tx-{number // 10}", number % 10) for number in range(60)]
        found = [entry.request for entry in entries]
        ids = [entry.id for entry in entries]
        assert ids == sorted(set(ids))
        if seed % 4 == 0:
            assert found == known
            assert len(store.load(Note)) == 60
        elif seed % 4 == 2:
            assert len([each for each in found if each in known]) >= 40
        store.queue(event("new", 0))
        await store.durable()
        assert store.failure is None
    with opened(tmp_path, health) as store:
        assert (await store.waiting("2.x", 1000))[-1].request == event("new", 0)


@pytest.mark.parametrize("column", ["queued_at", "attempts", "set_aside"])
async def test_a_row_of_which_only_the_end_is_damaged_is_saved(tmp_path: Path, column: str) -> None:
    with opened(tmp_path) as store:
        for number in range(9):
            store.queue(event("tx", number))
        await store.durable()
    path = tmp_path / "ocppd.db"
    with connect(path) as database:
        [message_id] = database.execute("SELECT message_id FROM queue WHERE id = 5").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    # A record is a list of its columns' types and then their values, of which the second, the first
    # being the number of the row, is the message id. The last types are told to be far too long.
    of_the_end = data.index(message_id.encode()) - 1
    data[of_the_end - ["set_aside", "attempts", "queued_at"].index(column)] = 0x7F
    path.write_bytes(data)
    health = Health()
    with opened(tmp_path, health) as store:
        entries = await store.waiting("2.x", 1000)
        assert [entry.request for entry in entries] == [event("tx", number) for number in range(9)]
        assert [entry.id for entry in entries] == list(range(1, 10))
        assert store.queued_for("tx") == 9
        assert entries[4].attempts == 0


@pytest.mark.parametrize("seed", range(12))
def test_every_row_that_is_found_by_its_number_is_saved(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ocppd.db"
    chance = random.Random(seed)
    database = StoreFile(path, Clock()).open()
    rows = [(number, f"id-{number}", "K", "x" * chance.randrange(1500)) for number in range(1, 99)]
    for row in rows:
        database.execute(
            "INSERT INTO queue (id, message_id, kind, body, queued_at) VALUES (?, ?, ?, ?, '')", row
        )
    database.close()
    data = bytearray(path.read_bytes())
    for _ in range(200):  # in the rows: what tables there are is told before
        data[chance.randrange(12 * 4096, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    # As SQLite reads the damaged file itself, asked for each row alone.
    left = []
    with sqlite3.connect(path) as database:
        for row in rows:
            query = "SELECT id, message_id, kind, body FROM queue WHERE id = ?"
            with suppress(sqlite3.Error):
                left += database.execute(query, row[:1]).fetchall()
    database.close()
    saved = StoreFile(path, Clock()).open()
    present = set(saved.execute("SELECT id, message_id, kind, body FROM queue"))
    saved.close()
    assert len(set(left) & set(rows)) > 20
    assert set(left) & set(rows) <= present


def test_what_the_log_has_committed_is_saved_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "ocppd.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript((FIXTURES / "schema_1.sql").read_text())
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("UPDATE queue SET attempts = 9")
    database.execute("PRAGMA cache_size = 1")
    database.execute("BEGIN")
    database.execute("DELETE FROM queue")
    for number in range(500):  # enough to be written before it is committed
        row = ("n", str(number), "x" * 500)
        database.execute("INSERT INTO document VALUES (?, ?, ?)", row)
    image = image_of(path)
    database.close()
    target = in_memory()
    from ocppd.store.migrate import migrate

    migrate(target, shipped())
    assert salvage(image, target)["queue"] == 6
    assert target.execute("SELECT DISTINCT attempts FROM queue").fetchall() == [(9,)]
    assert target.execute("SELECT count(*) FROM document").fetchone() == (1,)


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "ocppd.db"
    connect(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    connection = connect(path)
    connection.execute("CREATE TABLE x (y)")
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    connection.close()
    assert set(modes.values()) == {0o600}, modes
