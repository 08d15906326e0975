"""The CSMS and the configurations that the tests of a booted machine start from."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from machine import CONFIG, Csms, configure, drop_in, unconfigure


@pytest.fixture(scope="session")
def shipped() -> str:
    """Return the configuration as the package brought it."""
    return CONFIG.read_text()


@pytest.fixture(scope="module")
def unconfigured(shipped: str) -> None:
    """Run the daemon as it is after the installation."""
    unconfigure(shipped)


@pytest.fixture(scope="module")
def csms(shipped: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Csms]:
    """Run a CSMS, and the daemon with an empty state at it."""
    csms = Csms(tmp_path_factory.mktemp("csms") / "csms.log").start()
    configure()
    csms.wait_registered()
    yield csms
    csms.stop()
    drop_in("")
    unconfigure(shipped)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that all users can read."""
    with TemporaryDirectory(prefix="ocppd-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
