"""`ocppctl config check`: before a restart, without the daemon and a bus."""

import json
import os
import subprocess
import sys
from pathlib import Path


def config_check(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ocppd.tools.ctl", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"},
    )


def test_all_is_well(tmp_path: Path) -> None:
    file = tmp_path / "ocppd.yaml"
    file.write_text("evses:\n  - connectors: [cType2]\n")

    ended = config_check("config", "check", file)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{file}: ok, EVSEs: 1, ")


def test_each_mistake_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "ocppd.yaml"
    file.write_text("evses: 3\nlog: {level: loud}\n")

    ended = config_check("config", "check", file)

    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines() == [
        f"{file}:1: evses: expected a list, found an integer (3)",
        f"{file}:2: log.level: expected one of debug, info, warning, error, found a text (loud)",
    ]


def test_for_programs(tmp_path: Path) -> None:
    file = tmp_path / "ocppd.yaml"
    file.write_text("evses: 3\n")

    ended = config_check("--json", "config", "check", file)

    assert json.loads(ended.stdout) == {
        "file": str(file),
        "ok": False,
        "mistakes": [f"{file}:1: evses: expected a list, found an integer (3)"],
    }
    assert ended.returncode == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    ended = config_check("config", "check", tmp_path / "nowhere.yaml")

    assert ended.returncode == 1
    assert ended.stdout == f"{tmp_path}/nowhere.yaml: cannot be read: No such file or directory\n"
