"""When the child process does not answer."""

from pathlib import Path

import pytest

from ocppd.certificates import child
from ocppd.certificates.store import CertificateStore
from ocppd.model.certificates import CertificateRefusal, CertificateUse, SigningUse, Subject
from tests.certificates.authority import NOW, Authority


async def test_no_child_process_is_our_fault_and_not_the_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CertificateStore(tmp_path, now=lambda: NOW)
    monkeypatch.setattr("sys.executable", "/bin/false")
    refusal = await store.install(CertificateUse.CSMS_ROOT, Authority().pem, most=100)
    assert refusal is not None
    assert refusal.failed
    monkeypatch.setattr("sys.executable", "/nonexistent")
    assert isinstance(
        await store.request(SigningUse.CHARGING_STATION, Subject("Grid", "SN"), 1),
        CertificateRefusal,
    )


async def test_a_child_process_that_takes_too_long_is_ended() -> None:
    with pytest.raises(child.Unanswered, match="no answer"):
        await child.ask("inspect", timeout_s=0.001, texts=[])
