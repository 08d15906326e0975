"""Whatever happens in whatever order, with kills and stops in between: the CSMS gets a story."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.device_model.names import SampledDataCtrlr, TxCtrlr
from ocppd.errors import InvalidArgument, UnknownSession
from ocppd.model.sessions import SessionStartReason
from ocppd.model.transactions import TransactionEvent
from ocppd.station.transaction import TxPoint
from tests.station.transaction_world import ENDED, RFID, STARTED, Bay, E

ACTIONS = {
    "plug": lambda bay, uuid: bay.plug(uuid=uuid),
    "swipe": lambda bay, uuid: bay.plug(
        uuid=uuid, start_reason=SessionStartReason.AUTHORIZED, id_token=RFID
    ),
    "begin": lambda bay, uuid: bay.begin(uuid=uuid),
    "charge": lambda bay, uuid: bay.report(E.CHARGING_STARTED, uuid=uuid),
    "pause": lambda bay, uuid: bay.report(E.CHARGING_PAUSED_EV, uuid=uuid),
    "resume": lambda bay, uuid: bay.report(E.CHARGING_RESUMED, uuid=uuid),
    "finish": lambda bay, uuid: bay.finish(uuid=uuid),
    "timeout": lambda bay, uuid: bay.report(E.PLUGIN_TIMEOUT, uuid=uuid),
    "unplug": lambda bay, uuid: bay.unplug(uuid=uuid),
    "resumed": lambda bay, uuid: bay.report(E.SESSION_RESUMED, uuid=uuid),
    "measure": lambda bay, uuid: bay.measure(2000),
    "settle": lambda bay, uuid: bay.transactions.settle(1),
    "doubt": lambda bay, uuid: bay.transactions.doubt(),
    "stop": lambda bay, uuid: bay.transactions.on_stop(),
    "restart": lambda bay, uuid: bay.transactions.on_restart(),
    "wait": lambda bay, uuid: bay.pass_time(61),
}


def check(told: list[TransactionEvent]) -> None:
    by_transaction: dict[str, list[TransactionEvent]] = defaultdict(list)
    for event in told:
        by_transaction[event.transaction_id].append(event)
    for events in by_transaction.values():
        assert [event.seq_no for event in events] == list(range(len(events)))
        assert [event.event_type is STARTED for event in events] == [
            at == 0 for at in range(len(events))
        ]
        assert all(event.event_type is not ENDED for event in events[:-1])
        assert sum(event.authorizes for event in events) <= 1


@pytest.mark.requirement("E01.FR.07", "E01.FR.08", "E01.FR.14")
@settings(max_examples=150, deadline=None)
@given(
    start=st.frozensets(st.sampled_from(TxPoint), min_size=1),
    stop=st.frozensets(st.sampled_from(TxPoint), min_size=1),
    steps=st.lists(
        st.tuples(st.sampled_from([*ACTIONS, "kill"]), st.sampled_from(["session-1", "session-2"])),
        max_size=30,
    ),
)
def test_any_order(
    start: frozenset[TxPoint], stop: frozenset[TxPoint], steps: list[tuple[str, str]]
) -> None:
    bay = Bay(
        settings={
            TxCtrlr.TxStartPoint: ",".join(sorted(start)),
            TxCtrlr.TxStopPoint: ",".join(sorted(stop)),
            SampledDataCtrlr.TxUpdatedInterval: "60",
            SampledDataCtrlr.TxEndedInterval: "60",
        }
    )
    for name, uuid in steps:
        bay.pass_time(1)
        if name == "kill":
            bay = bay.restarted()
            continue
        try:
            ACTIONS[name](bay, uuid)
        except (UnknownSession, InvalidArgument):
            continue
        check(bay.told)
    bay.transactions.on_restart()
    bay.transactions.doubt()
    bay.transactions.settle(1)
    check(bay.told)
    ended = {event.transaction_id for event in bay.told if event.event_type is ENDED}
    assert ended == {event.transaction_id for event in bay.told}
    left = {kind.__name__: len(documents) for kind, documents in bay.store.documents.items()}
    assert left.get("EndedSample", 0) == 0
    assert left.get("UntoldTransaction", 0) == 0
    assert bay.evses[1].transaction_id is None
