"""MeterValues as OCPP 1.6 spells them, signed ones as the OCA's paper on them wants it."""

import json
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, present, timestamp
from ocppd.csms.spelling import Message, Outgoing
from ocppd.errors import NotSpoken
from ocppd.model.requests import Nothing
from ocppd.model.sessions import SignedMeterValue
from ocppd.model.transactions import MeterValue, MeterValues, SampledValue
from ocppd.station.evse import Evses

if TYPE_CHECKING:
    from ocppd.station.station import Station

_MEASURANDS = frozenset(
    {
        "Current.Export",
        "Current.Import",
        "Current.Offered",
        "Energy.Active.Export.Interval",
        "Energy.Active.Export.Register",
        "Energy.Active.Import.Interval",
        "Energy.Active.Import.Register",
        "Frequency",
        "Power.Active.Export",
        "Power.Active.Import",
        "Power.Factor",
        "Power.Offered",
        "Power.Reactive.Export",
        "Power.Reactive.Import",
        "SoC",
        "Temperature",
        "Voltage",
    }
)
_UNITS = frozenset({"Wh", "W", "var", "A", "V", "Percent", "Celsius"})
"""1.6 has no unit for a frequency."""

UNKNOWN_TRANSACTION = -1
"""The number of a transaction whose StartTransaction nobody answered (errata sheet, 3.18)."""


def transaction_number(csms_id: str | None) -> int:
    """Return the number that the CSMS gave a transaction."""
    return UNKNOWN_TRANSACTION if csms_id is None else int(csms_id)


def encode_values(values: Iterable[MeterValue]) -> list[Payload]:
    """Return MeterValue for each value of which 1.6 can say something."""
    spelled = []
    for value in values:
        sampled = [
            payload
            for each in value.sampled_values
            if each.measurand in _MEASURANDS
            for payload in _sampled(each)
        ]
        if sampled:
            spelled.append({"timestamp": timestamp(value.timestamp), "sampledValue": sampled})
    return spelled


def _sampled(value: SampledValue) -> list[Payload]:
    """Return a value, and once more what the meter signed of it."""
    common = present(
        context=value.context.value,
        measurand=value.measurand,
        phase=value.phase,
        location=value.location,
        unit=value.unit if value.unit in _UNITS else None,
    )
    spelled = [{"value": _number(value.value), "format": "Raw"} | common]
    if value.signed is not None:
        spelled.append({"value": _signed(value.signed), "format": "SignedData"} | common)
    return spelled


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(round(value, 3))


def _signed(signed: SignedMeterValue) -> str:
    """Return SignedMeterValueType of 2.x as JSON text."""
    return json.dumps(
        {
            "signedMeterData": signed.signed_meter_data,
            "signingMethod": signed.signing_method,
            "encodingMethod": signed.encoding_method,
            "publicKey": signed.public_key or "",
        },
        separators=(",", ":"),
    )


def encode_meter_values(evses: Evses, request: MeterValues) -> Payload:
    """Return MeterValues.req; NotSpoken if 1.6 has no word for any of it."""
    values = encode_values(request.meter_values)
    if not values:
        raise NotSpoken("1.6 has no word for these measurands")
    number = request.csms_transaction_id
    return present(
        connectorId=evses.number_of(request.evse),
        transactionId=int(number) if number is not None and _is_number(number) else None,
        meterValue=values,
    )


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def read_nothing(_payload: Payload) -> Nothing:
    """Read a response that merely acknowledges."""
    return Nothing()


def meter_values_messages(station: "Station", request: MeterValues) -> list[Message]:
    """Return the message for queued values; none for what 1.6 has no word for."""
    try:
        payload = encode_meter_values(station.evses, request)
    except NotSpoken:
        return []
    return [Message("MeterValues", payload, read_nothing)]


def requests(station: "Station") -> dict[type, Outgoing[Any, Any]]:
    """Return how 1.6 says meter values, with the station's connector numbers."""
    encode = partial(encode_meter_values, station.evses)
    return {MeterValues: Outgoing("MeterValues", encode, read_nothing)}
