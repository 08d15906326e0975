"""OCPP 1.6 whole: what a station at hand says and hears in it."""

from typing import TYPE_CHECKING

from ocppd.csms.spelling import Spelling, collected, durable_messages, gate_of_16
from ocppd.csms.v16 import (
    authorization,
    availability,
    certificate_management,
    data_transfer,
    local_auth_list,
    meter_values,
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

MANNERS = Manners(
    replaces_profiles_of_same_level=True,
    names_transactions=True,
    addresses_connectors_alone=True,
    preparing_is_busy=True,
    types_tokens=False,
    knows_unknown_tokens=False,
    samples_by_one_interval=True,
    switches_signed_values=False,
    idle_readings_are_durable=True,
    triggers_sampled_values=True,
    plans_certificates=True,
    empty_list_has_no_version=True,
)


def spelling(station: "Station") -> Spelling:
    """Return how this version says what the station has to say."""
    return Spelling(
        dialect=Dialect.OCPP_16,
        manners=MANNERS,
        routes={
            **authorization.routes(station),
            **availability.routes(station),
            **certificate_management.routes(station),
            **data_transfer.routes(station),
            **local_auth_list.routes(station),
            **provisioning.routes(station),
            **remote_control.routes(station),
            **reservations.routes(station),
            **reset.routes(station),
            **smart_charging.routes(station),
        },
        requests=collected(
            authorization.REQUESTS,
            availability.requests(station),
            certificate_management.REQUESTS,
            data_transfer.REQUESTS,
            local_auth_list.requests(station),
            meter_values.requests(station),
            registration.REQUESTS,
            security.REQUESTS,
        ),
        encode_entry=durable_messages(
            station,
            transactions.transaction_messages,
            meter_values.meter_values_messages,
            security.security_messages,
        ),
        gate=gate_of_16,
    )
