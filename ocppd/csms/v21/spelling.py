"""OCPP 2.1 whole: what a station at hand says and hears in it, as 2.0.1 but for a few words."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ocppd.csms.spelling import Spelling, collected, durable_messages
from ocppd.csms.v21 import (
    authorization,
    availability,
    certificate_management,
    meter_values,
    provisioning,
    smart_charging,
    transactions,
)
from ocppd.csms.v201 import spelling as v201
from ocppd.csms.v201.security import security_messages
from ocppd.ocppj.frames import Dialect

if TYPE_CHECKING:
    from ocppd.station.station import Station


def spelling(station: "Station") -> Spelling:
    """Return how this version says what the station has to say."""
    earlier = v201.spelling(station)
    others = collected(
        authorization.REQUESTS,
        availability.REQUESTS,
        certificate_management.REQUESTS,
        meter_values.REQUESTS,
        provisioning.REQUESTS,
        smart_charging.REQUESTS,
    )
    return replace(
        earlier,
        dialect=Dialect.OCPP_21,
        routes={**earlier.routes, **smart_charging.routes(station)},
        requests={**earlier.requests, **others},
        encode_entry=durable_messages(
            station,
            transactions.transaction_messages,
            meter_values.meter_values_messages,
            security_messages,
        ),
    )
