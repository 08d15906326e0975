"""Files that are there whole or not at all, whenever the power fails."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp"
LEAVING = ".gone"

_HEAD = "# ocppd "


def make_folder(path: Path) -> None:
    """Make a folder that nobody else may look into, and have its name on disk."""
    if not path.is_dir():
        path.mkdir(mode=0o700)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet, readable for us alone, and have it on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or replace it: a reader and a power cut meet the old or the new one."""
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    write_new(temporary, content)
    os.replace(temporary, path)
    sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Remove a file for good; nothing happens if it is not there."""
    if path.exists():
        path.unlink()
        sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder: once its name is another, it counts as gone."""
    leaving = path.with_name(path.name + LEAVING)
    os.rename(path, leaving)
    sync_folder(path.parent)
    shutil.rmtree(leaving)


def sweep(folder: Path) -> None:
    """Remove what an interrupted write or removal left in a folder."""
    for path in folder.iterdir():
        if path.name.endswith((TEMPORARY, LEAVING)):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def with_head(head: dict[str, Any], pem: str) -> bytes:
    """Return PEM with facts in a line above it, which readers of PEM skip.

    So that facts and certificate are one file, written at once.
    """
    return f"{_HEAD}{json.dumps(head)}\n{pem}".encode("ascii")


def read_head(path: Path) -> tuple[dict[str, Any], str]:
    """Return the facts and the PEM of a file.

    Raises:
        ValueError: the file has no such line
        OSError: the file cannot be read

    """
    first, _, pem = path.read_text("ascii").partition("\n")
    if not first.startswith(_HEAD):
        raise ValueError(f"{path} has no facts in its first line")
    head = json.loads(first.removeprefix(_HEAD))
    if not isinstance(head, dict):
        raise ValueError(f"{path} has no facts in its first line")
    return head, pem
