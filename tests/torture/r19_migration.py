"""Each released schema migrates, and a kill in any step of it leaves the old or the new one.

R19: the stores in `released/` are what each release left. This program opens them and keeps every
queued message. A newer program's migration is killed before each of its statements: the store has
the old schema or the new one, and all messages. This program, then the older one, goes back on a
newer store by what that left, keeps the queue and says so; without a way back it keeps it as well.
"""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from ocppd.store.migrate import shipped
from tests.scenario.rig import FAST, ROOT, Rig
from tests.torture.damage import NAME, copy_state, readable
from tests.torture.figures import Figure, Options, at_least, none_of

RELEASED = Path(__file__).parent / "released"
# A newer program, killed before its statement of this number.
_NEWER = """\
import os, signal, sqlite3, sys
from ocppd.store.migrate import Migration, migrate, shipped

UP = '''CREATE TABLE later (x);
ALTER TABLE queue ADD COLUMN later TEXT NOT NULL DEFAULT '';
UPDATE queue SET later = kind;
ALTER TABLE document RENAME TO stored_document;
'''
DOWN = '''ALTER TABLE stored_document RENAME TO document;
ALTER TABLE queue DROP COLUMN later;
DROP TABLE later;
'''
left = int(sys.argv[2])

def count(_statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.set_trace_callback(count)
migrate(database, [*shipped(), Migration(shipped()[-1].version + 1, UP, DOWN)])
"""


async def run(options: Options) -> list[Figure]:
    """Migrate, kill, go back."""
    faults: list[str] = []
    untold: list[str] = []
    steps = 0
    newest = shipped()[-1].version
    rig = Rig(options.folder / "rig", values=FAST, log="info", start_csms=False)
    async with rig:
        await rig.end_daemon()
        for script in sorted(RELEASED.glob("schema-*.sql")):
            released = options.folder / script.stem
            released.mkdir()
            with closing(sqlite3.connect(released / NAME)) as database:
                database.executescript(script.read_text())
            wanted = readable(released, options.folder / "scratch").messages()
            if not wanted:
                faults.append(f"{script.name} has no messages")

            async def opened(state: Path, what: str, wanted: list[tuple[object, ...]]) -> str:
                rig.state = state
                logged = len(rig.log)
                await rig.start_daemon()
                await rig.end_daemon()
                kept = readable(state, options.folder / "scratch").messages()
                if [message for message in kept if message in wanted] != wanted:
                    faults.append(f"{what}: messages lost")
                with closing(sqlite3.connect(state / NAME)) as database:
                    [version] = database.execute("PRAGMA user_version").fetchone()
                if version != newest:
                    faults.append(f"{what}: schema {version}")
                return rig.log[logged:]

            state = options.folder / f"{script.stem}-up"
            copy_state(released, state)
            await opened(state, f"{script.name} by this program", wanted)
            before = options.folder / f"{script.stem}-killed"
            statement, complete = 0, False
            while not complete:
                statement += 1
                copy = options.folder / f"{script.stem}-killed-{statement}"
                copy_state(state, copy)
                complete = await _newer(copy / NAME, statement)
                steps += not complete
                left = readable(copy, options.folder / "scratch")
                with closing(sqlite3.connect(copy / NAME)) as database:
                    [version] = database.execute("PRAGMA user_version").fetchone()
                what = f"{script.name}, killed before statement {statement}"
                if [message for message in left.messages() if message in wanted] != wanted:
                    faults.append(f"{what}: messages lost")
                if left.verdict != "ok" or version not in (newest, newest + 1):
                    faults.append(f"{what}: schema {version}, {left.verdict}")
                before = copy
            # The newer program went through: back again, with and without what it left for that.
            without = options.folder / f"{script.stem}-no-way-back"
            copy_state(before, without)
            with closing(sqlite3.connect(without / NAME, isolation_level=None)) as database:
                database.execute("DELETE FROM migration WHERE version > ?", (newest,))
            log = await opened(before, f"{script.name}, newer", wanted)
            if f"from schema {newest + 1} back to {newest}" not in log:
                untold.append(f"{script.name}, newer: {log}")
            log = await opened(without, f"{script.name}, newer without a way back", wanted)
            if f"schema {newest + 1}" not in log or not list(without.glob(f"{NAME}.damaged-*")):
                untold.append(f"{script.name}, without a way back: {log}")
        await rig.start_daemon()
    return [
        at_least("released schemas", newest, len(list(RELEASED.glob("schema-*.sql")))),
        at_least("kills, each before another statement", 5, steps),
        none_of("not the old or the new one, or something lost", faults),
        none_of("not told", untold),
    ]


async def _newer(path: Path, statement: int) -> bool:
    """Run the newer program; True if it was not killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _NEWER, path, str(statement), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    return await process.wait() == 0
