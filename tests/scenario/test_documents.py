"""What the documents show works: the README's session, and the component file of docs/."""

import asyncio
import re
from asyncio.subprocess import PIPE
from pathlib import Path

from ocppd.config import read
from ocppd.device_model.names import AuthCtrlr
from ocppd.model.variables import Component, ComponentVariable, EvseRef, Variable
from ocppd.store.component_files import read_keys
from ocppd.store.seed import build_device_model
from tests.scenario.rig import ROOT, Rig

README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"


def block(document: Path, language: str, words: str) -> str:
    """Return the one block of a document that has these words."""
    found = re.findall(rf"```{language}\n(.*?)```", document.read_text(), re.DOTALL)
    [text] = [text for text in found if words in text]
    return str(text)


async def test_the_session_of_the_readme_is_a_transaction_at_the_csms(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        await rig.booted()
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", block(README, "bash", "ReportSessionEvent")),
            stdout=PIPE,
            stderr=PIPE,
            env=rig.bus.environment,
        )
        output, errors = await asyncio.wait_for(shell.communicate(), 30)
        assert (shell.returncode, output, errors) == (0, b"", b"")
        await rig.csms.wait_for("TransactionEvent", eventType="Ended")
        [transaction] = rig.csms.transactions
        assert transaction.ended
        assert transaction.problems == []
        assert transaction.id_token == "04A224B2C15E80"
        assert transaction.energy_wh == 1500


def test_the_component_file_of_the_documents_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(block(CONFIGURATION, "yaml", "FloodSensor"))

    model = build_device_model([["cType2"]], folder=tmp_path)

    def at(name: str, instance: str | None = None) -> ComponentVariable:
        sensor = Component("FloodSensor", None, EvseRef(1))
        return ComponentVariable(sensor, Variable(name, instance))

    assert model.text(at("Active")) == "false"
    assert model.text(at("Limit", "north")) == "0.5"
    assert model.text(at("Mode")) == "Warn"
    assert model.flag(AuthCtrlr.LocalPreAuthorize)
    reader = Component("TokenReader", None, EvseRef(1))
    assert model.find(ComponentVariable(reader, Variable("Token"))) is not None
    assert read_keys(tmp_path) == {"FloodLimit": at("Limit", "north")}


def test_the_configuration_of_the_readme_is_read(tmp_path: Path) -> None:
    (tmp_path / "csms-password").write_text("0123456789abcdef")
    (tmp_path / "ocppd.yaml").write_text(block(README, "yaml", "station:"))
    assert len(read(tmp_path / "ocppd.yaml").evses) == 2
