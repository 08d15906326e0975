from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.model.sessions import SignedMeterValue
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.model.transactions import (
    ChargingState,
    MeterValue,
    ReadingContext,
    SampledValue,
    TransactionEvent,
    TransactionEventType,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from ocppd.store import codec

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
SAMPLES = st.builds(
    SampledValue,
    value=st.floats(allow_nan=False, allow_infinity=False),
    measurand=st.text(max_size=20),
    unit=st.sampled_from(["Wh", "A"]),
    context=st.sampled_from(ReadingContext),
    phase=st.none() | st.just("L1"),
    signed=st.none() | st.builds(SignedMeterValue, st.text(), st.just("ECDSA"), st.just("OCMF")),
)
EVENTS = st.builds(
    TransactionEvent,
    event_type=st.sampled_from(TransactionEventType),
    timestamp=MOMENTS,
    trigger_reason=st.sampled_from(TriggerReason),
    seq_no=st.integers(0, 1 << 31),
    transaction_id=st.uuids().map(str),
    session_id=st.text(),
    evse=st.builds(EvseRef, st.integers(1, 9), st.none() | st.integers(1, 9)),
    offline=st.booleans(),
    charging_state=st.none() | st.sampled_from(ChargingState),
    id_token=st.none() | st.builds(IdToken, st.text(), st.sampled_from(IdTokenType)),
    meter_values=st.lists(
        st.builds(MeterValue, MOMENTS, st.lists(SAMPLES, max_size=3).map(tuple)), max_size=3
    ).map(tuple),
    meter_wh=st.none() | st.integers(),
)


@given(EVENTS)
def test_an_event_survives_being_stored(event: TransactionEvent) -> None:
    assert codec.decode(TransactionEvent, codec.encode(event)) == event


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    number: int


@dataclass(frozen=True, slots=True)
class Document:
    colour: Colour
    moment: datetime | None = None
    names: tuple[str, ...] = ()
    inner: dict[str, Inner] = field(default_factory=dict)


def test_every_kind_of_member() -> None:
    document = Document(Colour.RED, datetime(2026, 1, 2, tzinfo=UTC), ("a",), {"x": Inner(1)})

    assert codec.decode(Document, codec.encode(document)) == document


def test_members_at_their_default_are_left_out() -> None:
    assert codec.encode(Document(Colour.RED)) == '{"colour":"red"}'


def test_what_a_newer_program_wrote_is_read_without_its_news() -> None:
    text = '{"colour":"red","flavour":"sweet"}'

    assert codec.decode(Document, text) == Document(Colour.RED)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"colour":"green"}', '{"colour":"red","moment":"soon"}']
)
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        codec.decode(Document, text)
