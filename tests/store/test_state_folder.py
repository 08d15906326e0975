import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocppd.store.state_folder import StateFolder, StateInUse


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    with pytest.raises(StateInUse, match=f"is in use by process {os.getpid()}$"):
        StateFolder(tmp_path)

    first.release()
    StateFolder(tmp_path).release()


def test_a_process_that_was_killed_leaves_it(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; from ocppd.store.state_folder import StateFolder\n"
        "folder = StateFolder(pathlib.Path(sys.argv[1])); print('mine', flush=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    with pytest.raises(StateInUse, match=f"process {process.pid}$"):
        StateFolder(tmp_path)
    process.kill()
    process.wait()
    process.stdout.close()

    StateFolder(tmp_path).release()


def test_a_folder_that_cannot_be_written_is_used_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    StateFolder(tmp_path / "file" / "state").release()


def test_a_full_disk_keeps_nobody_from_claiming_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    first = StateFolder(tmp_path)
    with pytest.raises(StateInUse):
        StateFolder(tmp_path)
    first.release()
