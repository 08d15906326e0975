"""Meter values as OCPP 2.1 spells them: more measurands, longer signed data, no empty key."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.spelling import Message, Outgoing
from ocppd.csms.v201 import meter_values as v201
from ocppd.csms.v201.meter_values import MeterSpelling, read_nothing
from ocppd.model.transactions import MeterValues

if TYPE_CHECKING:
    from ocppd.station.station import Station

SPELLING = MeterSpelling(
    v201.SPELLING.measurands | {"Current.Import.Offered", "Power.Import.Offered"},
    32768,
    key_required=False,
)


def meter_values_messages(_station: "Station", request: MeterValues) -> list[Message]:
    """Return the message for queued values; none for what 2.1 has no word for."""
    return v201.messages(SPELLING, request)


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    MeterValues: Outgoing("MeterValues", SPELLING.encode_meter_values, read_nothing),
}
