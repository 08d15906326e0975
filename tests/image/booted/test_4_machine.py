"""What ocppd does where the host has no agent: restart by login1, time by timedate1.

The restart is real but for its end: reboot.target of this machine leaves a mark and stops nothing.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import CONFIG, Csms, configure, drop_in, get, run, show, systemctl, wait_until

MARK = Path("/run/ocppd-test-reboot")
TARGET = Path("/run/systemd/system/reboot.target")
LOGIN1 = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
TIMEDATE1 = ("org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1")
SET_TIME = f"""\
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
timedated = DBusAddress({TIMEDATE1[1]!r}, bus_name={TIMEDATE1[0]!r}, interface={TIMEDATE1[2]!r})
call = new_method_call(timedated, "SetTime", "xbb", (1000, True, False))
answer = open_dbus_connection("SYSTEM").send_and_get_reply(call)
print(answer.body[0] if answer.body else "done")
"""
polkit = pytest.mark.skipif(not shutil.which("pkcheck"), reason="polkitd is not installed")


@pytest.fixture(scope="module", autouse=True)
def services() -> None:
    """Have them on the bus that there is now: one of the tests before this restarted it."""
    run("systemctl", "restart", "systemd-logind.service")
    if shutil.which("pkcheck"):
        run("systemctl", "restart", "polkit.service")


@pytest.fixture
def reboot_mark() -> Iterator[Path]:
    """Have a reboot leave a mark instead."""
    marker = TARGET.with_name("ocppd-test-reboot.service")
    TARGET.write_text("[Unit]\nDescription=Mark\nRequires=ocppd-test-reboot.service\n")
    marker.write_text(f"[Service]\nType=oneshot\nExecStart=touch {MARK}\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "unmask", "--runtime", "systemd-logind.service")
    yield MARK
    for each in (TARGET, marker, MARK):
        each.unlink(missing_ok=True)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "systemd-logind.service")


@polkit
def test_the_daemon_may_restart_the_machine_and_nobody_else() -> None:
    assert "yes" in run("busctl", "call", *LOGIN1, "CanReboot", user="ocppd")
    assert "yes" not in run("busctl", "call", *LOGIN1, "CanReboot", user="nobody")
    assert "yes" not in run("busctl", "call", *LOGIN1, "CanPowerOff", user="ocppd")


@polkit
def test_the_daemon_may_set_the_clock_and_nobody_else() -> None:
    """In a container the kernel refuses what polkit allowed, which is another answer."""
    set_time = (sys.executable, "-c", SET_TIME)

    said = run(*set_time, user="ocppd").strip()
    assert said == "done" or said.startswith("Failed to set")
    assert "authentication" in run(*set_time, user="nobody")


@polkit
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_reset_by_the_csms_restarts_the_machine(
    csms: Csms, version: str, reboot_mark: Path
) -> None:
    configure([version])
    csms.wait_registered()

    assert csms.command("reset")["status"] == "Accepted"

    wait_until(reboot_mark.exists, "login1 restarts the machine", 20)
    assert get("Version")


def test_without_polkit_a_reset_is_refused_and_told(csms: Csms) -> None:
    if shutil.which("pkcheck"):
        run("systemctl", "mask", "--runtime", "--now", "polkit.service")
    try:
        configure(["2.0.1"])
        csms.wait_registered()
        answer = csms.command("reset")
        assert answer["status"] in ("Rejected", "Scheduled"), answer
    finally:
        if shutil.which("pkcheck"):
            run("systemctl", "unmask", "--runtime", "polkit.service")


def test_a_password_may_come_from_a_systemd_credential(csms: Csms) -> None:
    secret = CONFIG.with_name("csms-password")
    drop_in(f"[Service]\nLoadCredential=csms-password:{secret}\n")
    configure(["2.0.1"])
    shutil.chown(secret, "root", "root")
    secret.chmod(0o600)
    credential = "/run/credentials/ocppd.service/csms-password"
    text = CONFIG.read_text().replace(
        "password_file: csms-password", f"password_file: {credential}"
    )
    CONFIG.write_text(text)

    systemctl("restart")

    csms.wait_registered()
    assert run("stat", "-c", "%a %U", str(secret)).strip() == "600 root"
    drop_in("")


def test_the_unit_came_through_all_of_it() -> None:
    assert show("ActiveState") == "active"
