"""Interface org.everest.Ocpp.EvseManager, one for each EVSE."""

from typing import Any

from ocppd.dbus.exported import Interface, exported, readable
from ocppd.dbus.marshalling import sessions
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.signatures import Bool, Dict, Dicts, Int32, Str, Strs
from ocppd.model.availability import OperationalStatus
from ocppd.station.evse import Evse
from ocppd.station.station import Station


class EvseManagerInterface(Interface):
    """What the host reports of one EVSE, and what the EVSE is now."""

    NAME = "org.everest.Ocpp.EvseManager"

    def __init__(self, station: Station, evse: Evse) -> None:
        super().__init__()
        self._station = station
        self._evse = evse

    # -- methods ----------------------------------------------------------------------------------

    @exported
    def ReportReady(self, ready: Bool) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        self._station.availability.on_ready(self._evse.id, ready)

    @exported
    def ReportSessionEvent(self, event: Dict) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        read = self._station.dates.right(sessions.session_event(event))
        self._station.transactions.on_session_event(self._evse.id, read)

    @exported
    def ReportPowermeter(self, reading: Dict) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        read = self._station.dates.right(sessions.powermeter(reading))
        self._station.meter_values.on_powermeter(self._evse.id, read)

    @exported
    def ReportPowermeterPublicKeyOcmf(self, public_key: Str) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        key = sessions.public_key(public_key)
        self._station.meter_values.on_public_key(self._evse.id, key)

    @exported
    def ReportEvInfo(self, ev_info: Dict) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        self._station.meter_values.on_ev_info(self._evse.id, sessions.ev_info(ev_info))
        self._station.smart_charging.on_ev_info(self._evse.id)

    @exported
    def ReportHwCapabilities(self, capabilities: Dict) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        read = sessions.hw_capabilities(capabilities)
        self._station.meter_values.on_hw_capabilities(self._evse.id, read)

    @exported
    def ReportLimits(self, limits: Dict) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        self._station.meter_values.on_limits(self._evse.id, sessions.evse_limits(limits))

    @exported
    def ReportSupportedEnergyTransferModes(self, modes: Strs) -> None:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        read = sessions.energy_transfer_modes(modes)
        self._station.meter_values.on_energy_transfer_modes(self._evse.id, read)

    # -- properties -------------------------------------------------------------------------------

    @readable(emits="const")
    def EvseId(self) -> Int32:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        return self._evse.id

    @readable
    def Connectors(self) -> Dicts:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        return [
            variants({"id": each.id, "type": each.type or "Unknown", "status": each.status})
            for each in self._evse.connectors.values()
        ]

    @readable
    def OperationalStatus(self) -> Str:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        operative = any(
            self._station.availability.is_operative(self._evse.id, connector_id)
            for connector_id in self._evse.connectors
        )
        status = OperationalStatus.OPERATIVE if operative else OperationalStatus.INOPERATIVE
        return status.value

    @readable
    def SessionId(self) -> Str:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        return self._evse.session_id or ""

    @readable
    def TransactionId(self) -> Str:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        return self._evse.csms_transaction_id or ""

    @readable
    def Limit(self) -> Dict:
        """See dbus/org.everest.Ocpp.EvseManager.xml."""
        limit = self._station.smart_charging.limit_of(self._evse.id)
        if limit is None:
            return {}
        fields: dict[str, Any] = {
            "limit": float(limit.limit),
            "unit": limit.unit,
            "number_phases": limit.number_phases,
            "profile_id": limit.profile_id,
            "until": limit.until,
        }
        return variants(fields)
