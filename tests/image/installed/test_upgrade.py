"""On a running system: install, upgrade in a transaction with a filled queue, downgrade, remove.

$OCPPD_PREVIOUS names the package files that are installed when the tests begin, $OCPPD_PRESENT
those of this build.
"""

import os
import pwd
import time
from collections.abc import Iterator
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
    get,
    on_bus,
    run,
    show,
    wait_until,
)

PREVIOUS = os.environ.get("OCPPD_PREVIOUS", "").split()
PRESENT = os.environ.get("OCPPD_PRESENT", "").split()


@pytest.fixture(scope="module")
def csms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Csms]:
    """Have a CSMS that is not running."""
    csms = Csms(tmp_path_factory.mktemp("csms") / "csms.log")
    yield csms
    csms.stop()


@pytest.fixture(scope="module")
def session(csms: Csms) -> Session:
    """Fill the queue of the previous version, in a transaction whose start the CSMS knows."""
    csms.start()
    configure(["2.0.1"])
    csms.wait_registered()
    session = Session().begin()
    csms.wait_for("TransactionEvent", eventType="Started")
    wait_until(lambda: queue() == [], "all was told")
    csms.stop()
    wait_until(lambda: not get("IsConnected"), "it is offline")
    for _ in range(20):
        _pause(session)
    assert len(queue()) >= 20
    return session


def _pause(session: Session) -> None:
    session.report("ChargingPausedEV")
    session.report("ChargingStarted")


def queue() -> list[tuple[int, str]]:
    """Return what waits for the CSMS, in order."""
    [entries] = call(STATION, NAME, "GetQueue")
    return [(each["id"], each["message"]) for each in entries]


def installed() -> str:
    """Return the version of the package that is installed."""
    return run("dpkg-query", "-W", "-f", "${Version}", "ocppd")


def install(packages: list[str]) -> None:
    """Install other versions of the packages, as a person does."""
    run("apt-get", "install", "-q", "-y", "--allow-downgrades", *packages, timeout_s=300)


def test_installed_on_a_running_system_it_runs_at_once() -> None:
    assert active()
    assert show("NRestarts") == "0"
    assert on_bus()
    assert "not configured" in get("ConnectionStatus")["reason"]


def test_its_policy_and_groups_are_in_force_at_once() -> None:
    run("useradd", "--groups", "ocpp", "member")
    run("useradd", "foreigner")

    assert get("Version", user="member")
    with pytest.raises(Failed, match=r"[Aa]ccess denied|not allowed"):
        get("Version", user="foreigner")


@pytest.mark.skipif(not PRESENT, reason="no other version is at hand")
def test_an_upgrade_keeps_the_transaction_and_the_queue(session: Session) -> None:
    before, waiting, configuration = installed(), queue(), CONFIG.read_text()

    began = time.monotonic()
    install(PRESENT)
    print(f"upgrade took {time.monotonic() - began:.1f} s")

    assert installed() != before
    assert active()
    assert show("NRestarts") == "0"
    assert queue() == waiting
    [[open_one]] = call(STATION, NAME, "GetTransactions")
    assert open_one["session_id"] == session.uuid
    assert CONFIG.read_text() == configuration


@pytest.mark.skipif(not PRESENT, reason="no other version is at hand")
def test_a_downgrade_keeps_the_transaction_and_the_queue(session: Session) -> None:
    waiting = queue()

    install(PREVIOUS)

    assert active()
    assert queue() == waiting
    [[open_one]] = call(STATION, NAME, "GetTransactions")
    assert open_one["session_id"] == session.uuid


@pytest.mark.skipif(not PRESENT, reason="no other version is at hand")
def test_after_all_of_it_the_csms_is_told_everything_once(csms: Csms, session: Session) -> None:
    install(PRESENT)
    session.resume()
    session.end()

    csms.start()
    csms.wait_registered()

    wait_until(lambda: queue() == [], "the queue is empty", 60)
    events = csms.received("TransactionEvent")
    numbers = [each["seqNo"] for each in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] > 0, "the start was told before the upgrade"
    assert events[-1]["eventType"] == "Ended"
    assert len({each["transactionInfo"]["transactionId"] for each in events}) == 1


def test_removed_it_leaves_configuration_and_state(csms: Csms) -> None:
    csms.stop()
    run("apt-get", "remove", "-q", "-y", "ocppd", "ocppd-tools", timeout_s=120)

    assert not on_bus()
    assert show("LoadState") == "not-found" or show("ActiveState") == "inactive"
    with pytest.raises(Failed):
        get("Version")
    assert CONFIG.exists()
    assert (STATE / "ocppd.db").exists()


def test_purged_it_leaves_its_user_alone() -> None:
    run("apt-get", "purge", "-q", "-y", "ocppd", "ocppd-tools", timeout_s=120)

    left = [
        path
        for folder in ("/etc", "/usr/lib/systemd", "/usr/share/dbus-1", "/usr/lib/python3")
        for path in Path(folder).rglob("*ocpp*")
    ]
    assert [path for path in left if CONFIG.parent not in (path, *path.parents)] == []
    assert not STATE.exists()
    assert not Path("/usr/lib/ocppd").exists()
    assert pwd.getpwnam("ocppd")
    assert UNIT not in run("systemctl", "list-unit-files", "--no-pager")
