"""What happens to chargers in the field: it goes on, tells the truth, and loses nothing."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from machine import (
    CONFIG,
    NAME,
    STATE,
    STATION,
    UNIT,
    Csms,
    Failed,
    Session,
    active,
    call,
    configure,
    cursor,
    get,
    on_bus,
    pid,
    run,
    show,
    since_cursor,
    status_of,
    systemctl,
    wait_until,
)


@pytest.fixture(autouse=True)
def fresh(csms: Csms) -> None:
    """Start each test with an empty state, registered."""
    configure(["2.0.1"])
    csms.wait_registered()


def told(csms: Csms) -> dict:
    """Return the last transaction that the CSMS was told of."""
    return csms.transactions()[-1]


def test_killed_in_a_transaction(csms: Csms, figure) -> None:
    session = Session().begin()
    before = pid()

    began = time.monotonic()
    run("kill", "-KILL", str(before))
    wait_until(lambda: active() and pid() not in (0, before) and on_bus(), "it is back", 20, 0.05)
    figure("from kill -9 back to the bus", time.monotonic() - began, "s", 10)

    [[open_one]] = call(STATION, NAME, "GetTransactions")
    assert open_one["session_id"] == session.uuid
    session.resume()
    session.end()
    wait_until(lambda: told(csms)["state"] == "ended", "the CSMS saw the end", 20)
    assert told(csms)["problems"] == []
    assert told(csms)["energy_wh"] == 1500
    assert told(csms)["reason"] == "Local"


def test_the_bus_is_restarted_in_a_transaction(csms: Csms) -> None:
    session = Session().begin()
    csms.wait_for("TransactionEvent", eventType="Started")
    before = (pid(), len(csms.received("BootNotification")), csms.command("mark"))

    run("systemctl", "restart", "dbus.service")
    wait_until(on_bus, "it is on the bus again", 20)

    assert pid() == before[0]
    assert active()
    assert show("NRestarts") == "0"
    assert len(csms.received("BootNotification")) == before[1], "it connected again"
    [[open_one]] = call(STATION, NAME, "GetTransactions")
    assert open_one["session_id"] == session.uuid
    session.resume()
    session.end()
    wait_until(lambda: told(csms)["state"] == "ended", "the CSMS saw the end", 20)
    assert told(csms)["problems"] == []


@pytest.fixture
def small_disk(csms: Csms) -> Iterator[Path]:
    """Give the daemon a disk of 4 MiB for its state."""
    systemctl("stop")
    owner = f"uid={STATE.stat().st_uid},gid={STATE.stat().st_gid}"
    run("mount", "-t", "tmpfs", "-o", f"size=4m,mode=0700,{owner}", "ocppd-test", str(STATE))
    systemctl("start")
    csms.wait_registered()
    yield STATE
    systemctl("stop")
    run("umount", str(STATE))
    systemctl("start")


def test_the_disk_is_full(csms: Csms, small_disk: Path) -> None:
    session = Session().begin()
    filler = small_disk / "filler"
    with filler.open("wb") as file, suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))

    with pytest.raises(Failed, match=r"disk|full|store"):
        session.end()
    assert get("Health")["status"] == "degraded"
    assert active()

    filler.unlink()
    wait_until(lambda: get("Health")["status"] == "ok", "it says that all is well", 20)
    session.end(2600)
    wait_until(lambda: told(csms)["state"] == "ended", "the CSMS saw the end", 20)
    assert told(csms)["problems"] == []
    assert show("NRestarts") == "0"


BROKEN = {
    "no YAML": ("station: {vendor: [", "ocppd.yaml:"),
    "unknown key": ("stations: {}\n", "ocppd.yaml:1"),
    "wrong value": ("evses:\n  - connectors: [cType2]\nversions: [3.0]\n", "ocppd.yaml:3"),
    "no password file": (
        "csms:\n  - url: ws://127.0.0.1/\n    identity: A\n    password_file: not-there\n",
        "ocppd.yaml:4",
    ),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_configuration_is_no_crash_loop(mistake: str) -> None:
    text, where = BROKEN[mistake]
    CONFIG.write_text(text)
    place = cursor()

    assert status_of("systemctl", "restart", UNIT) != 0
    time.sleep(5)

    assert show("ActiveState") == "failed"
    assert (show("NRestarts"), show("ExecMainStatus")) == ("0", "78")
    assert where in since_cursor(place)
    assert status_of("ocppd", "--check") == 78


def test_a_broken_device_model_file_is_no_crash_loop() -> None:
    bad = CONFIG.parent / "device-model.d" / "bad.yaml"
    bad.write_text("values:\n  - {component: Nope, variable: Nope, value: 1}\n")
    try:
        assert status_of("systemctl", "restart", UNIT) != 0
        time.sleep(3)
        assert (show("ActiveState"), show("NRestarts")) == ("failed", "0")
        assert show("ExecMainStatus") == "78"
    finally:
        bad.unlink()


@pytest.mark.parametrize("damage", ["overwritten", "cut", "garbage in the middle"])
def test_a_damaged_database_is_no_crash_loop(csms: Csms, damage: str) -> None:
    systemctl("stop")
    database = STATE / "ocppd.db"
    for each in STATE.glob("ocppd.db-*"):
        each.unlink()
    content = database.read_bytes()
    owner = database.stat()
    database.write_bytes(
        {
            "overwritten": b"no database at all\n" * 100,
            "cut": content[: len(content) // 3],
            "garbage in the middle": content[:4096] + os.urandom(len(content) - 4096),
        }[damage]
    )
    os.chown(database, owner.st_uid, owner.st_gid)

    systemctl("start")

    csms.wait_registered()
    time.sleep(3)
    assert (show("ActiveState"), show("NRestarts")) == ("active", "0")
    health = get("Health")
    assert health["status"] == "degraded", health
    assert any("damaged" in reason for reason in health["reasons"])
    Session().begin().end()
    wait_until(lambda: told(csms)["state"] == "ended", "a session is told", 20)


def test_a_state_folder_that_cannot_be_written_is_no_crash_loop(csms: Csms) -> None:
    systemctl("stop")
    for each in STATE.iterdir():
        each.unlink() if each.is_file() else None
    (STATE / "ocppd.db").mkdir()
    try:
        systemctl("start")
        csms.wait_registered()
        time.sleep(3)
        assert (show("ActiveState"), show("NRestarts")) == ("active", "0")
        assert get("Health")["status"] == "degraded"
    finally:
        systemctl("stop")
        for each in STATE.iterdir():
            each.rmdir() if each.is_dir() and not any(each.iterdir()) else None
        systemctl("start")


def test_a_station_that_was_offline_tells_all_of_it(csms: Csms) -> None:
    csms.stop()
    wait_until(lambda: not get("IsConnected"), "it is offline")
    for wh in (1000, 2000, 3000):
        Session().begin(wh).end(wh + 500)
    [queue] = call(STATION, NAME, "GetQueue")
    assert len(queue) >= 6
    run("kill", "-KILL", str(pid()))
    wait_until(on_bus, "it is back", 20)

    csms.start()
    wait_until(lambda: len(csms.transactions()) == 3, "three transactions", 30)
    wait_until(lambda: call(STATION, NAME, "GetQueue") == [[]], "the queue is empty", 30)
    assert [each["energy_wh"] for each in csms.transactions()] == [500, 500, 500]
    assert [each["problems"] for each in csms.transactions()] == [[], [], []]
