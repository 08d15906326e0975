"""The status of a connector, EVSE or station, from what is true of it: pure functions, no state.

OCPP 2.1 (ConnectorStatusEnumType, part 2, 3.24) names the statuses; which one wins when several
are true is the order of the tests below.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ocppd.model.availability import Activity, ConnectorStatus


@dataclass(frozen=True, slots=True)
class Condition:
    """What decides about the status of a connector.

    Attributes:
        faulted: an error makes it impossible to charge here
        operative: neither the station, the EVSE nor the connector was set Inoperative
        usable: the hardware is there, ready and enabled by the host
        occupied: a car, a cable or a driver is there
        reserved: a reservation holds it
        claimed: who is there may use the reservation

    """

    faulted: bool = False
    operative: bool = True
    usable: bool = True
    occupied: bool = False
    reserved: bool = False
    claimed: bool = False


def status_of(condition: Condition) -> ConnectorStatus:
    """Return the status: Faulted > Inoperative > unusable > Occupied > Reserved > Available."""
    if condition.faulted:
        return ConnectorStatus.FAULTED
    if not condition.operative or not condition.usable:  # G03.FR.06, G04.FR.07
        return ConnectorStatus.UNAVAILABLE
    # G01.FR.09: a car that connects to a reserved connector changes nothing until its driver
    # presents the token of the reservation (G01.FR.06).
    if condition.occupied and (condition.claimed or not condition.reserved):
        return ConnectorStatus.OCCUPIED
    if condition.reserved:
        return ConnectorStatus.RESERVED
    return ConnectorStatus.AVAILABLE


def claims_reservation(activity: Activity | None, *, authorized: bool) -> bool:
    """Tell whether what a connector is busy with uses its reservation (G01.FR.06).

    Preparing may be a stranger's car; whatever comes after it was authorized.
    """
    return authorized or activity not in (None, Activity.PREPARING)


_MOST_TELLING = (
    ConnectorStatus.OCCUPIED,
    ConnectorStatus.RESERVED,
    ConnectorStatus.AVAILABLE,
    ConnectorStatus.FAULTED,
    ConnectorStatus.UNAVAILABLE,
)


def status_of_evse(connectors: Iterable[ConnectorStatus]) -> ConnectorStatus:
    """Return the status of an EVSE from those of its connectors.

    One car at a time: an EVSE is occupied with the first connector. One working connector is enough
    for an EVSE that is not faulted or unavailable.
    """
    present = set(connectors)
    return next((each for each in _MOST_TELLING if each in present), ConnectorStatus.UNAVAILABLE)


def status_of_station(evses: Iterable[ConnectorStatus], own: Condition) -> ConnectorStatus:
    """Return the status of the station: it is Available while any car could be charged.

    Without a usable EVSE it is Unavailable (Faulted if all are); with nothing but occupied or
    reserved ones it is Occupied or Reserved.
    """
    whole = status_of(own)
    if whole is not ConnectorStatus.AVAILABLE:
        return whole
    present = set(evses)
    if ConnectorStatus.AVAILABLE in present:
        return ConnectorStatus.AVAILABLE
    if present == {ConnectorStatus.FAULTED}:
        return ConnectorStatus.FAULTED
    for each in (ConnectorStatus.OCCUPIED, ConnectorStatus.RESERVED):
        if each in present:
            return each
    return ConnectorStatus.UNAVAILABLE
