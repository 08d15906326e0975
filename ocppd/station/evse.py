"""EVSEs and connectors: what is true of them now.

Each block writes its own attributes: `transactions` those of session, transaction and meter,
`availability` those of operability, status and readiness.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ocppd.errors import UnknownEvse
from ocppd.model.availability import Activity, ConnectorStatus, StationError
from ocppd.model.charging_profiles import ChargingProfile
from ocppd.model.sessions import EvInfo, EvseLimits, HwCapabilities, Powermeter
from ocppd.model.tokens import IdToken
from ocppd.model.variables import EvseRef


@dataclass(slots=True)
class Connector:
    """One connector of an EVSE.

    Attributes:
        id: 1..m within the EVSE
        number: 1..n over the station, the connectorId of OCPP 1.6
        type: ConnectorEnumType, such as cType2
        disabled: the host reported Disabled
        occupied: a cable or car is there
        reserved: the host reported a reservation
        held: a reservation that is kept here needs it
        claimed: who is there may use the reservation
        activity: what it is busy with while occupied
        errors: the host's errors at this connector, oldest first
        status: what is true now, by precedence

    """

    id: int
    number: int
    type: str | None = None
    disabled: bool = False
    occupied: bool = False
    reserved: bool = False
    held: bool = False
    claimed: bool = False
    activity: Activity | None = None
    info: str | None = None
    errors: list[StationError] = field(default_factory=list)
    status: ConnectorStatus = ConnectorStatus.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """A remote start that the station accepted and that has not led to a transaction yet."""

    id_token: IdToken
    remote_start_id: int | None
    group_id_token: IdToken | None
    until: datetime
    charging_profile: ChargingProfile | None = None


@dataclass(slots=True)
class Evse:
    """One EVSE.

    Attributes:
        ready: the host reported it ready, and its agent is not missed
        session_id: the session that is open, if any
        transaction_id: the OCPP transaction that is open, if any
        csms_transaction_id: what the CSMS calls it: in 2.x the same id, in 1.6 a number, if known
        authorized: whether a driver is authorized in the open session
        remote_starts: accepted and still waiting for a car or a token
        powermeter: the last reading

    """

    id: int
    connectors: dict[int, Connector]
    ready: bool = False
    errors: list[StationError] = field(default_factory=list)
    session_id: str | None = None
    transaction_id: str | None = None
    csms_transaction_id: str | None = None
    authorized: bool = False
    remote_starts: list[RemoteStart] = field(default_factory=list)
    powermeter: Powermeter | None = None
    ev_info: EvInfo | None = None
    hw_capabilities: HwCapabilities | None = None
    limits: EvseLimits | None = None
    meter_public_key: str | None = None


class Evses:
    """The topology: EVSEs 1..n with connectors 1..m each."""

    def __init__(self, connector_types: Sequence[Sequence[str | None]]) -> None:
        """Build the topology from the connector types of each EVSE, in order."""
        number = 0
        self._evses: dict[int, Evse] = {}
        self._numbers: dict[int, EvseRef] = {}
        for evse_id, types in enumerate(connector_types, start=1):
            connectors: dict[int, Connector] = {}
            for connector_id, connector_type in enumerate(types, start=1):
                number += 1
                connectors[connector_id] = Connector(connector_id, number, connector_type)
                self._numbers[number] = EvseRef(evse_id, connector_id)
            self._evses[evse_id] = Evse(evse_id, connectors)

    def __iter__(self) -> Iterator[Evse]:
        """Return the EVSEs in the order of their ids."""
        return iter(self._evses.values())

    def __len__(self) -> int:
        """Return how many EVSEs there are."""
        return len(self._evses)

    def __getitem__(self, evse_id: int) -> Evse:
        """Return an EVSE; UnknownEvse if there is none with this id."""
        evse = self._evses.get(evse_id)
        if evse is None:
            raise UnknownEvse(f"there is no EVSE {evse_id}")
        return evse

    def get(self, evse_id: int) -> Evse | None:
        """Return an EVSE, or None."""
        return self._evses.get(evse_id)

    def connector(self, ref: EvseRef) -> Connector | None:
        """Return the connector that a reference names, or None."""
        evse = self._evses.get(ref.id)
        return evse.connectors.get(ref.connector_id or 0) if evse else None

    def by_number(self, number: int) -> EvseRef | None:
        """Return what OCPP 1.6 calls this connector, or None; 0 is the station and not here."""
        return self._numbers.get(number)

    def number_of(self, ref: EvseRef) -> int:
        """Return the connectorId of OCPP 1.6; 0 for the station, an EVSE is its first connector."""
        evse = self._evses.get(ref.id)
        if evse is None:
            return 0
        connector = evse.connectors.get(ref.connector_id or 1)
        return connector.number if connector else 0

    def with_transaction(self, transaction_id: str) -> Evse | None:
        """Return the EVSE of an open transaction."""
        for evse in self:
            if evse.transaction_id == transaction_id:
                return evse
        return None
