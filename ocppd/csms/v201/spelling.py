"""OCPP 2.0.1 whole: what a station at hand says and hears in it."""

from typing import TYPE_CHECKING

from ocppd.csms.spelling import Spelling, collected, durable_messages, gate_of_2
from ocppd.csms.v201 import (
    authorization,
    availability,
    certificate_management,
    data_transfer,
    local_auth_list,
    meter_values,
    network_profiles,
    provisioning,
    registration,
    remote_control,
    reservations,
    reset,
    security,
    smart_charging,
    transactions,
)
from ocppd.model.manners import Manners
from ocppd.ocppj.frames import Dialect

if TYPE_CHECKING:
    from ocppd.station.station import Station


def spelling(station: "Station") -> Spelling:
    """Return how this version says what the station has to say."""
    return Spelling(
        dialect=Dialect.OCPP_201,
        manners=Manners(),
        routes={
            **authorization.routes(station),
            **availability.routes(station),
            **certificate_management.routes(station),
            **data_transfer.routes(station),
            **local_auth_list.routes(station),
            **network_profiles.routes(station),
            **provisioning.routes(station),
            **remote_control.routes(station),
            **reservations.routes(station),
            **reset.routes(station),
            **smart_charging.routes(station),
            **transactions.routes(station),
        },
        requests=collected(
            authorization.REQUESTS,
            availability.REQUESTS,
            certificate_management.REQUESTS,
            data_transfer.REQUESTS,
            meter_values.REQUESTS,
            provisioning.REQUESTS,
            registration.REQUESTS,
            reservations.REQUESTS,
            security.REQUESTS,
            smart_charging.REQUESTS,
        ),
        encode_entry=durable_messages(
            station,
            transactions.transaction_messages,
            meter_values.meter_values_messages,
            security.security_messages,
        ),
        gate=gate_of_2,
    )
