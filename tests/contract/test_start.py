"""What the start of the daemon takes along, without a stopwatch: modules and compiled functions."""

import subprocess
import sys

import pytest

# Each is needed by some stations some time, and by none to be on the bus.
LATE = [
    "ocppd.check",
    "ocppd.csms.v16.spelling",
    "ocppd.csms.v16.transactions",
    "ocppd.csms.v201.spelling",
    "ocppd.csms.v201.transactions",
    "ocppd.csms.v21",
    "ocppd.csms.validators.generated",
    "ocppd.tools",
    "zoneinfo",
]
NEVER = ["cryptography", "fastjsonschema", "jsonschema", "ocpp", "ocppd.certificates.worker"]


def loaded_by(code: str) -> set[str]:
    """Return the modules that a Python of its own has loaded after some code."""
    text = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return loaded_by("import ocppd.__main__, ocppd.daemon")


@pytest.mark.parametrize("name", LATE + NEVER)
def test_the_start_does_without(loaded, name):
    assert "ocppd.daemon" in loaded
    assert not {each for each in loaded if each == name or each.startswith(f"{name}.")}


def test_a_station_of_one_version_does_without_the_others():
    loaded = loaded_by(
        "from ocppd.csms.versions import Spellings\nspellings = Spellings(None)\n"
        "assert set(spellings) == {'ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'}\n"
        "import ocppd.csms.v201.spelling"
    )
    assert "ocppd.csms.v201.spelling" in loaded
    assert not {"ocppd.csms.v16.spelling", "ocppd.csms.v21.spelling"} & loaded
