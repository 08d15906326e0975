"""The unit, as it is after the installation and at rest: ready, hardened, small."""

import shutil
import time
from pathlib import Path

import pytest
from machine import (
    CONFIG,
    STATE,
    UNIT,
    Csms,
    active,
    drop_in,
    get,
    on_bus,
    pid,
    run,
    show,
    status_of,
    stop,
    systemctl,
    wait_until,
)

CREDENTIAL = "$CREDENTIALS_DIRECTORY/csms-password"
pytestmark = pytest.mark.usefixtures("unconfigured")


def test_runs_after_the_installation_without_a_restart() -> None:
    assert active()
    assert show("NRestarts") == "0"
    assert run("systemctl", "is-enabled", UNIT).strip() == "enabled"


def test_with_the_shipped_configuration_it_says_that_it_is_not_configured() -> None:
    status = get("ConnectionStatus")

    assert status["connected"] is False
    assert "not configured" in status["reason"]
    assert get("Health")["reasons"] == []
    wait_until(lambda: "not configured" in show("StatusText"), "the status text says so")


def test_the_person_is_told_by_ocppctl() -> None:
    assert "not configured" in run("ocppctl", "status")
    assert "ok" in run("ocppd", "--check")


def test_runs_as_its_own_user_without_any_capability() -> None:
    facts = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid()}/status").read_text().splitlines()
        if ":\t" in line
    )

    assert run("ps", "-o", "user=", "-p", str(pid())).strip() == "ocppd"
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[kind], 16) == 0, kind
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"


def test_listens_on_no_socket() -> None:
    listening = run(
        "ss", "--listening", "--tcp", "--udp", "--processes", "--numeric", "--no-header"
    )

    assert f"pid={pid()}," not in listening


def test_is_the_only_one_to_read_its_state() -> None:
    facts = STATE.stat()

    assert (facts.st_mode & 0o777, STATE.owner()) == (0o700, "ocppd")
    modes = {each.name: oct(each.stat().st_mode & 0o777) for each in STATE.rglob("*")}
    assert {name: mode for name, mode in modes.items() if int(mode, 8) & 0o077} == {}
    assert CONFIG.owner() == "root"


def test_exposure_score(figure) -> None:
    out = run("systemd-analyze", "security", "--no-pager", UNIT)
    [line] = [line for line in out.splitlines() if "Overall exposure" in line]

    figure("exposure score", float(line.split(": ")[1].split()[0]), "", 1.5)


def test_start_from_exec_to_the_name_on_the_bus(figure) -> None:
    took = []
    for _ in range(5):
        stop()
        systemctl("start")
        assert on_bus()
        ready = int(show("ActiveEnterTimestampMonotonic"))
        took.append((ready - int(show("ExecMainStartTimestampMonotonic"))) / 1e6)

    figure("start: exec to bus name, shortest of 5", min(took), "s", 0.5)
    figure("start: exec to bus name, median of 5", sorted(took)[2], "s")


def test_stops_at_once(figure) -> None:
    began = time.monotonic()
    systemctl("stop")
    took_s = time.monotonic() - began

    assert show("Result") == "success"
    systemctl("start")
    figure("stop", took_s, "s", 2)


def test_is_started_by_a_call(figure) -> None:
    systemctl("stop")
    assert not on_bus()

    began = time.monotonic()
    version = get("Version")
    took_s = time.monotonic() - began

    assert version
    assert active()
    figure("activation by a call, to its answer", took_s, "s", 2)


def test_a_loop_that_hangs_is_ended_by_the_watchdog() -> None:
    drop_in("[Service]\nWatchdogSec=2\n")
    systemctl("restart")
    hung = pid()

    run("kill", "-STOP", str(hung))

    wait_until(lambda: active() and pid() not in (0, hung), "a new process runs", 20)
    wait_until(on_bus, "it is on the bus")
    assert int(show("NRestarts")) == 1
    drop_in("")
    systemctl("restart")


def test_memory_and_wakeups_at_rest(csms: Csms, figure) -> None:
    csms.wait_registered()
    assert len(csms.command("report")["reportData"]) > 200
    time.sleep(5)

    rollup = Path(f"/proc/{pid()}/smaps_rollup").read_text()
    [pss] = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
    before, began = _switches(), time.monotonic()
    time.sleep(20)
    wakeups = (_switches() - before) / (time.monotonic() - began)

    figure("memory at rest, two EVSEs, full device model (PSS)", pss / 1024, "MiB", 40)
    figure("wake-ups at rest, connected", wakeups, "/s", 1)


def _switches() -> int:
    total = 0
    for task in Path(f"/proc/{pid()}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def test_a_password_from_a_credential(csms: Csms) -> None:
    """It stands in no file that the daemon's user could read."""
    secret = CONFIG.with_name("csms-password")
    before = CONFIG.read_text()
    text = before.replace("password_file: csms-password", f"password_file: {CREDENTIAL}")
    assert text != before
    secret.chmod(0o600)
    shutil.chown(secret, "root", "root")
    drop_in(f"[Service]\nLoadCredential=csms-password:{secret}\n")
    try:
        CONFIG.write_text(text)
        assert "not read: csms-password of systemd" in run("ocppctl", "config", "check")
        systemctl("restart")
        csms.wait_registered()
    finally:
        drop_in("")
        CONFIG.write_text(before)
        secret.chmod(0o640)
        shutil.chown(secret, "root", "ocppd")
        systemctl("restart")
    csms.wait_registered()


def test_no_file_of_the_package_was_changed() -> None:
    assert status_of("dpkg", "--verify", "ocppd-tools") == 0
    changed = run("dpkg", "--verify", "ocppd").split()
    assert [word for word in changed if word.startswith("/") and word != str(CONFIG)] == []


def test_manual_pages_are_there() -> None:
    for page in ("man8/ocppd.8", "man5/ocppd.yaml.5", "man1/ocppctl.1", "man1/ocppd-sim.1"):
        listed = run("dpkg", "-L", "ocppd", "ocppd-tools")
        assert f"/usr/share/man/{page}.gz" in listed
