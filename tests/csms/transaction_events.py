"""Transaction events of a station, for the tests of how each version spells them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from ocppd.csms import validators
from ocppd.csms.spelling import Message
from ocppd.model.queue import TransactionFacts
from ocppd.model.sessions import SignedMeterValue, StopReason
from ocppd.model.tokens import AdditionalInfo, IdToken, IdTokenType
from ocppd.model.transactions import (
    ChargingState,
    MeterValue,
    ReadingContext,
    SampledValue,
    StoppedReason,
    TransactionEvent,
    TransactionEventType,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from ocppd.ocppj.frames import Dialect
from ocppd.station.evse import Evses
from ocppd.station.sampling import MEASURANDS

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)
OTHER = IdToken("CAFE0001", IdTokenType.ISO14443)
SIGNED = SignedMeterValue("T0NNRnw=", "", "OCMF", "b2NhOg==")


def energy(
    wh: float, context: ReadingContext, signed: SignedMeterValue | None = None
) -> MeterValue:
    return MeterValue(
        T0,
        (SampledValue(wh, "Energy.Active.Import.Register", "Wh", context, signed=signed),),
    )


STARTED = TransactionEvent(
    TransactionEventType.STARTED,
    T0,
    TriggerReason.AUTHORIZED,
    0,
    "11111111-2222-3333-4444-555555555555",
    "11111111-2222-3333-4444-555555555555",
    EvseRef(2, 2),
    evse_told=True,
    charging_state=ChargingState.EV_CONNECTED,
    id_token=TOKEN,
    starting_token=TOKEN,
    authorizes=True,
    reservation_id=7,
    remote_start_id=42,
    cable_max_current_a=32,
    meter_values=(energy(1000.0, ReadingContext.TRANSACTION_BEGIN),),
    meter_wh=1000,
    authorized_at=T0,
    authorized_meter_wh=1000,
)
PLUGGED = replace(
    STARTED,
    trigger_reason=TriggerReason.CABLE_PLUGGED_IN,
    id_token=None,
    starting_token=None,
    authorizes=False,
    authorized_at=None,
    authorized_meter_wh=None,
    remote_start_id=None,
)
CHARGING = replace(
    STARTED,
    event_type=TransactionEventType.UPDATED,
    timestamp=T0 + timedelta(seconds=10),
    trigger_reason=TriggerReason.CHARGING_STATE_CHANGED,
    seq_no=1,
    evse_told=False,
    charging_state=ChargingState.CHARGING,
    id_token=None,
    authorizes=False,
    reservation_id=None,
    remote_start_id=None,
    cable_max_current_a=None,
    number_of_phases_used=3,
    time_spent_charging_s=0,
    meter_values=(),
)
PERIODIC = replace(
    CHARGING,
    trigger_reason=TriggerReason.METER_VALUE_PERIODIC,
    seq_no=2,
    meter_values=(energy(1234.5, ReadingContext.SAMPLE_PERIODIC),),
)
ENDED = replace(
    CHARGING,
    event_type=TransactionEventType.ENDED,
    timestamp=T0 + timedelta(hours=1),
    trigger_reason=TriggerReason.STOP_AUTHORIZED,
    seq_no=3,
    charging_state=ChargingState.EV_CONNECTED,
    stopped_reason=StoppedReason.LOCAL,
    host_stop_reason=StopReason.LOCAL,
    time_spent_charging_s=3590,
    id_token=OTHER,
    stop_token=OTHER,
    meter_values=(
        energy(1000.0, ReadingContext.TRANSACTION_BEGIN, SIGNED),
        energy(4000.0, ReadingContext.TRANSACTION_END, SIGNED),
    ),
    meter_wh=4000,
)


@dataclass
class StationAtHand:
    """As much of a station as a spelling asks for."""

    evses: Evses = field(default_factory=lambda: Evses([["cType2"], ["cCCS2", "sType2"]]))


def assert_valid(dialect: Dialect, messages: list[Message]) -> None:
    for message in messages:
        fault = validators.check_request(dialect, message.action, message.payload)
        assert fault is None, f"{message.action}: {fault}"


@st.composite
def events(draw: Callable[..., object]) -> TransactionEvent:
    """Events with everything that the core may put into them, sensible or not."""

    def pick(*choices: object) -> object:
        return draw(st.sampled_from(choices))

    contexts = list(ReadingContext)
    signed = pick(None, SIGNED, SignedMeterValue("x" * 3000, "y" * 60, "z" * 60, "k" * 2600))
    values = tuple(
        MeterValue(
            T0,
            tuple(
                SampledValue(
                    draw(st.floats(-1e7, 1e7, allow_nan=False)),  # type: ignore[arg-type]
                    name,
                    MEASURANDS[name].unit,
                    draw(st.sampled_from(contexts)),  # type: ignore[arg-type]
                    pick(None, "L1", "L2-N", "N"),  # type: ignore[arg-type]
                    MEASURANDS[name].location,
                    signed,  # type: ignore[arg-type]
                )
                for name in draw(st.lists(st.sampled_from(sorted(MEASURANDS)), max_size=3))  # type: ignore[attr-defined]
            ),
        )
        for _ in range(draw(st.integers(0, 2)))  # type: ignore[arg-type]
    )
    token = pick(
        None,
        TOKEN,
        IdToken("x" * 200, IdTokenType.EVCCID, (AdditionalInfo("y" * 300, "z" * 60),)),
        IdToken("DE8AA1A2B3C4D5", IdTokenType.EMAID, (AdditionalInfo("card", "EVCCID"),)),
    )
    event_type = pick(*TransactionEventType)
    ended = event_type is TransactionEventType.ENDED
    return replace(
        STARTED,
        event_type=event_type,  # type: ignore[arg-type]
        trigger_reason=pick(*TriggerReason),  # type: ignore[arg-type]
        charging_state=pick(None, *ChargingState),  # type: ignore[arg-type]
        stopped_reason=pick(*StoppedReason) if ended else None,  # type: ignore[arg-type]
        host_stop_reason=pick(*StopReason) if ended else None,  # type: ignore[arg-type]
        evse_told=pick(True, False),  # type: ignore[arg-type]
        offline=pick(True, False),  # type: ignore[arg-type]
        id_token=token,  # type: ignore[arg-type]
        starting_token=token,  # type: ignore[arg-type]
        authorizes=token is not None and pick(True, False),  # type: ignore[arg-type]
        stop_token=token if ended else None,  # type: ignore[arg-type]
        meter_wh=pick(None, 0, 123),  # type: ignore[arg-type]
        meter_values=values,
        evcc_id=pick(None, "AA:BB:CC:DD:EE:FF"),  # type: ignore[arg-type]
        number_of_phases_used=pick(None, 1, 3),  # type: ignore[arg-type]
    )


def numbers() -> Iterator[TransactionFacts]:
    yield TransactionFacts()
    yield TransactionFacts("1.6", "17")
