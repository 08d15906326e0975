"""The station: its EVSEs, one object for each functional block, and how they hang together."""

from dataclasses import dataclass, field
from typing import Any

from ocppd.device_model.device_model import DeviceModel
from ocppd.model.queue import QueueEntry
from ocppd.model.registration import ConnectionStatus
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import TransactionEvent
from ocppd.station.authorization import Authorization
from ocppd.station.availability import Availability
from ocppd.station.boot_history import BootHistory
from ocppd.station.certificate_management import CertificateManagement
from ocppd.station.certificate_renewal import CertificateRenewal
from ocppd.station.data_transfer import DataTransfers
from ocppd.station.dates import Dates
from ocppd.station.ev_certificates import EvCertificates
from ocppd.station.event_ids import EventIds
from ocppd.station.evse import Evse, Evses, RemoteStart
from ocppd.station.external_limits import ExternalLimits
from ocppd.station.faults import Faults
from ocppd.station.health import Health
from ocppd.station.limit_publication import Publication
from ocppd.station.local_auth_list import LocalAuthList
from ocppd.station.meter_values import Metering
from ocppd.station.network_profiles import NetworkProfiles
from ocppd.station.ports import LegacyKeys, Outside
from ocppd.station.provisioning import Provisioning
from ocppd.station.registration import Registration
from ocppd.station.remote_control import RemoteControl, claim
from ocppd.station.reservations import Reservations
from ocppd.station.reset import Resets
from ocppd.station.security import Security, SecurityLog
from ocppd.station.smart_charging import SmartCharging
from ocppd.station.transactions import Transactions
from ocppd.station.trigger_message import MessageTriggers
from ocppd.station.variable_monitor import VariableMonitor

_EVSE_MANAGER = "EvseManager"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration file and the machine decide about the station.

    `boot_id` identifies the present boot of the machine, if that can be known.
    """

    agent_grace_s: float = 15.0
    publication: Publication = field(default_factory=Publication)
    boot_id: str | None = None


class Station:
    """One charging station: `start()` it once the store is loaded, then let it hear the world."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        *,
        keys: LegacyKeys,
        security_log: SecurityLog,
        settings: Settings | None = None,
    ) -> None:
        settings = settings or Settings()
        self.device_model = device_model
        self.evses = evses
        self.health = Health(outside.host)
        self._outside = outside
        self._event_ids = EventIds(outside.store)
        base = (outside, device_model, evses)
        history = BootHistory(outside.store, settings.boot_id)

        self.dates = Dates(outside, settings.boot_id)
        self.security = Security(outside, security_log)
        self.availability = Availability(*base, self._event_ids, settings.agent_grace_s)
        self.faults = Faults(*base, self.availability, self._event_ids)
        self.registration = Registration(
            outside, device_model, self.availability, self.security, history
        )
        self.local_auth_list = LocalAuthList(outside, device_model)
        self.reservations = Reservations(*base, self.availability)
        self.authorization = Authorization(*base, self.local_auth_list, self.reservations)
        self.reservations.group_of = self.authorization.group_of
        self.transactions = Transactions(
            *base, self.availability, self._claim, self.authorization.learn
        )
        self.meter_values = Metering(*base, self.transactions)
        self.reset = Resets(*base, self.availability, self.transactions, history)
        trust = (outside, device_model, self.security, lambda: self.registration.connection_status)
        self.certificate_management = CertificateManagement(*trust)
        self.certificate_renewal = CertificateRenewal(*trust)
        self.ev_certificates = EvCertificates(outside, device_model)
        triggers = MessageTriggers(
            evses,
            self.registration,
            self.availability,
            self.meter_values,
            self.transactions,
            self.certificate_renewal,
        )
        self.smart_charging = SmartCharging(*base, settings.publication)
        self.external_limits = ExternalLimits(
            *base, self.smart_charging, self.transactions.announce
        )
        self.remote_control = RemoteControl(
            *base, self.transactions, triggers, self.smart_charging, self.reservations
        )
        self.data_transfer = DataTransfers(outside)
        self.provisioning = Provisioning(outside, device_model, keys, self.security)
        self.network_profiles = NetworkProfiles(
            outside,
            device_model,
            self.provisioning.connection_settings,
            self.provisioning.trials,
            self.security,
        )
        self.variable_monitor = VariableMonitor(outside, device_model, keys, self._event_ids)

        self.availability.when_ready(self.transactions.settle)
        self.availability.when_ready(self.faults.settle)
        self.dates.when_moved(self.transactions.redate)
        self.transactions.watch(self.smart_charging.on_transaction)
        self.registration.when_online(self.faults.tell_untold)
        self.registration.when_online(self.reservations.tell_untold)
        self.transactions.on_beginning(self.reservations.on_session_event)
        self.registration.when_online(self.certificate_renewal.on_online)
        self.registration.when_online(self.external_limits.on_online)
        self.registration.when_stopped(self.transactions.on_stop)
        self.registration.when_stopped(self.smart_charging.stop)
        self.registration.when_restarted(self.transactions.on_restart)
        self.dates.when_moved(self.faults.redate)
        self.registration.when_restarted(self.smart_charging.publish)

    def _claim(self, evse: Evse, id_token: IdToken | None) -> RemoteStart | None:
        start = claim(self.evses, evse, id_token, self._outside.clock.now())
        if start is not None:
            self.smart_charging.on_remote_start(evse, start)
        return start

    def start(self) -> None:
        """Take back what was stored, and begin: before the host or the CSMS is heard."""
        with self._outside.store.atomically():
            self._event_ids.start()
            self.transactions.start()
            self.faults.start()
            self.availability.start()
            self.registration.start()
            self.provisioning.trials.start()
            self.certificate_renewal.start()
            self.local_auth_list.start()
            self.reservations.start()
            self.authorization.start()
            self.meter_values.start()
            self.dates.start()  # moves what the others took back
            self.reset.start()
            self.smart_charging.start()
            self.external_limits.start()

    # The host's agents come and go

    def on_agent_registered(self, interface: str) -> None:
        """Tell a new agent what it has to know."""
        if interface == _EVSE_MANAGER:
            self.availability.on_agent_registered()
        self.authorization.on_agent_registered(interface)
        self.registration.on_agent_registered(interface)
        self.smart_charging.on_agent_registered(interface)

    def on_agent_gone(self, interface: str) -> None:
        """Take note that an agent left the bus: what it says later may be another truth."""
        if interface == _EVSE_MANAGER:
            self.transactions.doubt()
            self.availability.on_agent_gone()

    # The connection to the CSMS

    @property
    def registration_status(self) -> str | None:
        """What the CSMS answered to the last BootNotification; None before that."""
        status = self.registration.status
        return None if status is None else status.value

    def on_connected(self, status: ConnectionStatus) -> None:
        """There is a connection; `status` has the version."""
        self.network_profiles.on_connected(status)
        self.registration.on_connected(status)
        self.smart_charging.on_connection(connected=True)
        self.certificate_renewal.on_connected(status)

    def on_disconnected(self, status: ConnectionStatus) -> None:
        """There is no connection; `status` has the reason."""
        self.registration.on_disconnected(status)
        self.smart_charging.on_connection(connected=False)

    @property
    def idle(self) -> bool:
        """Whether a change of CSMS would tear nothing apart (B10.FR.05)."""
        return not self.transactions.open_transactions() and not self._outside.store.queued_for(
            None
        )

    async def configure_network(self, slot: int) -> str | None:
        """Bring up the network of a slot; raises NetworkNotReady."""
        return await self.network_profiles.configure_network(slot)

    def old_password(self, slot: int) -> str | None:
        """Return the password that a slot had before one that has not worked yet."""
        return self.provisioning.trials.old_password(slot)

    def on_password_worked(self, slot: int, password: str) -> None:
        """Take note that the CSMS took a password."""
        self.provisioning.trials.on_password_worked(slot, password)

    def on_slot_failed(self, slot: int, *, reached: bool) -> None:
        """Take note that a slot has used up its attempts."""
        self.provisioning.trials.on_slot_failed(slot, reached=reached)

    def on_trouble(self, reason: str | None) -> None:
        """Take note of what keeps us off the CSMS until a person mends it."""
        self.health.note("connection", reason)

    def on_security_event(self, event_type: str, info: str) -> None:
        """Something happened on the connection that the security log should hold."""
        self.security.raise_event(event_type, info)

    def on_event_answered(self, entry: QueueEntry, response: Any) -> None:
        """Take what the CSMS answered to a queued message, in the unit that removes it."""
        if isinstance(entry.request, TransactionEvent):
            self.transactions.on_event_answered(entry, response)

    def on_queue_released(self) -> None:
        """Take note that messages that were set aside are to be tried anew."""
        self._outside.csms.wake()

    def on_event_given_up(self, entry: QueueEntry, reason: str) -> None:
        """Take note that a queued message was set aside."""
        self.transactions.on_event_given_up(entry, reason)
