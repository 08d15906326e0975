"""Meter values as OCPP 2.0.1 and 2.1 spell them (block J)."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, present, timestamp
from ocppd.csms.spelling import Message, Outgoing
from ocppd.errors import NotSpoken
from ocppd.model.requests import Nothing
from ocppd.model.sessions import SignedMeterValue
from ocppd.model.transactions import MeterValue, MeterValues, SampledValue

if TYPE_CHECKING:
    from ocppd.station.station import Station

_LOG = logging.getLogger(__name__)

_METHOD_LENGTH = 50
_PUBLIC_KEY_LENGTH = 2500

_MEASURANDS = frozenset(
    {
        "Current.Export",
        "Current.Import",
        "Current.Offered",
        "Energy.Active.Export.Interval",
        "Energy.Active.Export.Register",
        "Energy.Active.Import.Interval",
        "Energy.Active.Import.Register",
        "Energy.Active.Net",
        "Frequency",
        "Power.Active.Export",
        "Power.Active.Import",
        "Power.Factor",
        "Power.Offered",
        "Power.Reactive.Export",
        "Power.Reactive.Import",
        "SoC",
        "Voltage",
    }
)
"""What this station measures and 2.0.1 has a word for."""


@dataclass(frozen=True, slots=True)
class MeterSpelling:
    """How one version writes meter values.

    Attributes:
        measurands: what it has a word for
        signed_length: of signedMeterData, in characters
        key_required: publicKey is there even if it is not told, then empty

    """

    measurands: frozenset[str]
    signed_length: int
    key_required: bool

    def encode(self, values: Iterable[MeterValue]) -> list[Payload]:
        """Return MeterValueType for each value of which this version can say something."""
        spelled = []
        for value in values:
            sampled = [
                self._sampled(each)
                for each in value.sampled_values
                if each.measurand in self.measurands
            ]
            if sampled:
                spelled.append({"timestamp": timestamp(value.timestamp), "sampledValue": sampled})
        return spelled

    def _sampled(self, value: SampledValue) -> Payload:
        return present(
            value=value.value,
            measurand=value.measurand,
            context=value.context.value,
            phase=value.phase,
            location=value.location,
            unitOfMeasure={"unit": value.unit} if value.unit else None,
            signedMeterValue=self._signed(value.signed) if value.signed else None,
        )

    def _signed(self, signed: SignedMeterValue) -> Payload | None:
        if len(signed.signed_meter_data) > self.signed_length:
            # Half of it could not be verified.
            _LOG.warning(
                "a signed reading of %d characters does not fit", len(signed.signed_meter_data)
            )
            return None
        key = signed.public_key
        if key is not None and len(key) > _PUBLIC_KEY_LENGTH:
            _LOG.warning("a public key of %d characters does not fit", len(key))
            key = None
        if self.key_required:
            return {
                "signedMeterData": signed.signed_meter_data,
                "signingMethod": signed.signing_method[:_METHOD_LENGTH],
                "encodingMethod": signed.encoding_method[:_METHOD_LENGTH],
                "publicKey": key or "",
            }
        return present(
            signedMeterData=signed.signed_meter_data,
            signingMethod=signed.signing_method[:_METHOD_LENGTH] or None,
            encodingMethod=signed.encoding_method[:_METHOD_LENGTH],
            publicKey=key,
        )

    def encode_meter_values(self, request: MeterValues) -> Payload:
        """Return MeterValuesRequest; NotSpoken if this version has no word for any of it."""
        values = self.encode(request.meter_values)
        if not values:
            raise NotSpoken("this version has no word for these measurands")
        return {"evseId": request.evse.id, "meterValue": values}


SPELLING = MeterSpelling(_MEASURANDS, 2500, key_required=True)


def read_nothing(_payload: Payload) -> Nothing:
    """Read a response that merely acknowledges."""
    return Nothing()


def meter_values_messages(_station: "Station", request: MeterValues) -> list[Message]:
    """Return the message for queued values; none for what 2.0.1 has no word for."""
    return messages(SPELLING, request)


def messages(spelling: MeterSpelling, request: MeterValues) -> list[Message]:
    """Return the message for queued values as a version spells it."""
    try:
        payload = spelling.encode_meter_values(request)
    except NotSpoken:
        return []
    return [Message("MeterValues", payload, read_nothing)]


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    MeterValues: Outgoing("MeterValues", SPELLING.encode_meter_values, read_nothing),
}
