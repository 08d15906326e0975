"""The demonstration's checks find what is missing."""

from typing import Any

import pytest

from ocppd.tools.csms.ledger import SeenTransaction
from ocppd.tools.demo.checks import Findings, check_transaction, energy_wh, in_order
from ocppd.tools.demo.stage import TOKEN
from ocppd.tools.sim.simulator import Event


def whole() -> SeenTransaction:
    return SeenTransaction(
        "CS1",
        "2.0.1",
        "tx",
        id_token=TOKEN,
        started=True,
        ended=True,
        updates=2,
        meter_values=4,
        seq_nos=[0, 1, 2, 3],
        meter_start_wh=1000,
        meter_last_wh=1500,
    )


def missing(transaction: SeenTransaction, billed_wh: float = 500) -> list[str]:
    findings = Findings()
    check_transaction(findings, None, transaction, billed_wh)  # type: ignore[arg-type]
    return [text for text, found, _ in findings.entries if not found]


def test_nothing_is_missing_of_a_whole_transaction() -> None:
    assert missing(whole()) == []
    assert missing(whole(), 501.9) == [], "1.6 rounds to whole Wh"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ended": False}, "started and ended"),
        ({"id_token": "other"}, "its token"),
        ({"updates": 0}, "updated"),
        ({"meter_values": 2}, "meter values"),
        ({"meter_last_wh": 1600}, "on the meter"),
        ({"seq_nos": [0, 1, 3, 4]}, "seqNo"),
        ({"problems": ["x"]}, "nothing is wrong"),
    ],
)
def test_what_is_missing_is_found(change: dict[str, Any], words: str) -> None:
    transaction = whole()
    for name, value in change.items():
        setattr(transaction, name, value)
    [found] = missing(transaction)
    assert words in found


def test_a_session_without_energy_is_none() -> None:
    transaction = whole()
    transaction.meter_last_wh = 1000
    assert len(missing(transaction, 0)) == 1


def test_findings_are_complete_only_if_something_was_looked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    findings = Findings()
    assert not findings.complete
    findings.check("a", True)
    assert findings.complete
    findings.check("b", False, "c")
    assert not findings.complete
    findings.show()
    assert "✗ b: c" in capsys.readouterr().out


def test_order_and_energy() -> None:
    assert in_order(["A", "B"], ["A", "x", "B"])
    assert not in_order(["B", "A"], ["A", "B"])

    def reading(total: float) -> dict[str, Any]:
        return {"meter_value": {"energy_Wh_import": {"total": total}}}

    events = [
        Event("TransactionStarted", {"uuid": "s", "transaction_started": reading(10.0)}),
        Event("TransactionFinished", {"uuid": "x", "transaction_finished": reading(99.0)}),
        Event("TransactionFinished", {"uuid": "s", "transaction_finished": reading(35.5)}),
    ]
    assert energy_wh(events, "s") == 25.5
    assert energy_wh(events, "x") == 0
