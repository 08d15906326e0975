"""With 10,000 messages in the queue the daemon is on the bus in 1.5 s, and boots in 2 s.

R16: the median of 10 starts, each on a fresh copy of a state folder after a power cut, over TLS,
with log level warning.
"""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from tests.bench.measure import Samples
from tests.scenario.host import Host
from tests.scenario.rig import FAST, Rig
from tests.torture.damage import NAME, copy_state
from tests.torture.figures import Figure, Options, at_least, at_most, told
from tests.torture.sessions import NO_ALIGNED_VALUES
from tests.torture.tls import secured

ROWS = 10_000


async def run(options: Options) -> list[Figure]:
    """Fill a queue, then start on it again and again."""
    rig = Rig(
        options.folder / "rig",
        values=FAST + NO_ALIGNED_VALUES,
        log="warning",
        start_csms=False,
        **secured(options.folder),
    )
    named, booted, fewest = [], [], ROWS
    async with rig:
        for evse_id in (1, 2):
            host = Host(rig.client, evse_id)
            await host.ready()
            for _ in range(5):
                await host.charge_once()
        await rig.kill()
        filled = options.folder / "filled"
        copy_state(rig.state, filled)
        _multiply(filled / NAME, ROWS)
        await rig.csms.start()
        for _ in range(options.size(3, 10)):
            shutil.rmtree(rig.state)
            copy_state(filled, rig.state)
            since = rig.csms.mark()
            begun = time.monotonic()
            await rig.start_daemon()
            named.append((time.monotonic() - begun) * 1000)
            await rig.csms.wait_for("BootNotification", since=since)
            booted.append((time.monotonic() - begun) * 1000)
            await rig.kill()
            with closing(sqlite3.connect(rig.state / NAME)) as database:
                [left] = database.execute("SELECT count(*) FROM queue").fetchone()
            sent = [call for call in rig.csms.calls("TransactionEvent") if call.index >= since]
            fewest = min(fewest, left + len(sent))
        await rig.start_daemon()
    return [
        told("starts", str(len(named))),
        at_least("messages left or sent after a start", ROWS, fewest),
        at_most("on the bus, median", 1_500, Samples(named).p50, "ms"),
        at_most("BootNotification, median", 2_000, Samples(booted).p50, "ms"),
        told("BootNotification, slowest", f"{max(booted):.0f} ms"),
    ]


def _multiply(path: Path, rows: int) -> None:
    """Repeat the sessions of a queue, as other transactions, until there are so many messages."""
    with closing(sqlite3.connect(path)) as database, database:
        original = database.execute(
            "SELECT kind, transaction_id, body, queued_at FROM queue ORDER BY id"
        ).fetchall()
        count = len(original)
        while count < rows:
            ids = {transaction: str(uuid4()) for _, transaction, _, _ in original if transaction}
            for kind, transaction, body, queued_at in original:
                new = ids.get(transaction)
                database.execute(
                    "INSERT INTO queue (message_id, kind, transaction_id, body, queued_at)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (
                        str(uuid4()),
                        kind,
                        new,
                        body.replace(transaction or "\0", new or ""),
                        queued_at,
                    ),
                )
            count += len(original)
