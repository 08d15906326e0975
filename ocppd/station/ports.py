"""What the station needs from outside, as Protocols.

The D-Bus adapter, the CSMS adapter and the store implement these; the station knows none
of them.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from ocppd.clock import Clock
from ocppd.model.availability import OperationalStatus
from ocppd.model.certificates import (
    CertificateAction,
    CertificateHashData,
    CertificateHashDataChain,
    CertificateRefusal,
    CertificateUse,
    DeleteStatus,
    EvCertificateResponse,
    OwnCertificate,
    SigningUse,
    Subject,
)
from ocppd.model.charging_profiles import ChargingProfile
from ocppd.model.charging_schedules import ChargingSchedule
from ocppd.model.data_transfer import DataTransfer, DataTransferResponse
from ocppd.model.events import EventData
from ocppd.model.manners import Manners
from ocppd.model.messages import JournalMessage, MessageFilter
from ocppd.model.network_profiles import ConfigureNetwork, NetworkResult
from ocppd.model.provisioning import ConfigurationKey, KeyRefusal
from ocppd.model.queue import Durable, QueueEntry, TransactionFacts
from ocppd.model.registration import BootNotificationResponse, BootReason, ConnectionStatus
from ocppd.model.requests import CsmsRequest
from ocppd.model.reservations import Reservation, ReservationMatch, ReserveNowStatus
from ocppd.model.security import SecurityEvent
from ocppd.model.sessions import StopReason
from ocppd.model.smart_charging import ExternalLimit
from ocppd.model.tokens import IdToken, ProvidedIdToken, ValidationResult
from ocppd.model.transactions import OcppTransactionEvent, OcppTransactionEventResponse
from ocppd.model.variables import AttributeType, ComponentVariable, SetVariable

R = TypeVar("R")
D = TypeVar("D")

ReadProfile = Callable[[str], tuple[int | None, ChargingProfile]]
"""Reads a charging profile in OCPP's own words, and its EVSE if one is named; raises
InvalidArgument."""


class CsmsPort(Protocol):
    """The CSMS, whichever OCPP version it speaks."""

    @property
    def connected(self) -> bool:
        """Whether there is a WebSocket to the CSMS, registered or not."""

    @property
    def manners(self) -> Manners:
        """How the CSMS thinks, by the version spoken last, or else the one that is preferred."""

    async def call(self, request: CsmsRequest[R], *, triggered: bool = False) -> R:
        """Send a request and return its decoded answer.

        Before the boot is accepted only BootNotification and what the CSMS triggered may go
        out; anything else raises Offline, as it does without a connection.

        Raises:
            CsmsError: Offline, NoAnswer, Refused or NotSpoken

        """

    def send(self, request: CsmsRequest[Any], *, triggered: bool = False) -> None:
        """Send a request whose answer nobody waits for; it is dropped where `call` would raise."""

    def keeps(self, request: CsmsRequest[Any]) -> bool:
        """Tell whether a request that cannot be told now is to wait in the durable queue.

        The operator decides by QueueAllMessages, and for events by OfflineQueuingSeverity. `send`
        goes by it; who uses `call` for something that may be told later asks and queues.
        """

    def wake(self) -> None:
        """Look at the durable queue: something was added, or may be sent now."""

    def start(self) -> None:
        """Connect, and keep connected until `stop`."""

    def stop(self) -> None:
        """Disconnect, and stay so until `start`."""

    def reconnect(self, reason: str) -> None:
        """Close the connection after what is being said, and connect with the present settings."""

    @property
    def trust_anchor(self) -> str | None:
        """The SHA-256 of the root certificate that the connection rests on, if that is known."""


class HostPort(Protocol):
    """The charger around the station: whoever listens on D-Bus."""

    def provide_token(self, token: ProvidedIdToken) -> None:
        """Offer a token that came from the CSMS, as if presented at the reader."""

    def validate_result_update(self, evse_id: int, result: ValidationResult) -> None:
        """Tell that the CSMS thinks otherwise of the token of a running transaction."""

    def transaction_event(self, event: OcppTransactionEvent) -> None:
        """Signal an event of an OCPP transaction."""

    def transaction_event_response(self, response: OcppTransactionEventResponse) -> None:
        """Signal what the CSMS answered to such an event."""

    def security_event(self, event: SecurityEvent) -> None:
        """Signal a security event that the station raised itself."""

    def event_data(self, event: EventData) -> None:
        """Signal a change of a monitored variable."""

    def boot_notification_response(self, response: BootNotificationResponse) -> None:
        """Tell each answer to a BootNotification."""

    def connection_status(self, status: ConnectionStatus) -> None:
        """Tell that the connection was made or lost."""

    def charging_schedules(self, schedules: tuple[ChargingSchedule, ...]) -> None:
        """Publish the composite schedules, station first."""

    def evse_changed(self, evse_id: int) -> None:
        """Tell that a property of an EVSE object may have changed."""

    def errors_changed(self) -> None:
        """Tell that the list of active errors changed."""

    def reservations_changed(self) -> None:
        """Tell that the list of reservations changed."""

    def health_changed(self) -> None:
        """Tell that `Station.health` changed."""


class AgentsPort(Protocol):
    """The host's agents, and what the machine does where none is registered.

    Every coroutine raises AgentRefused if nobody can do it, the agent fails, or it takes
    longer than the configured time.
    """

    def has(self, interface: str) -> bool:
        """Tell whether somebody implements an interface, such as `EvseManager`."""

    async def enable_disable(
        self, evse_id: int, connector_id: int, status: OperationalStatus
    ) -> bool:
        """Switch a connector, or with connector 0 the EVSE (source CSMS, priority 5000).

        Returns whether it is in service afterwards: a source of a higher priority may want
        otherwise.
        """

    async def pause_charging(self, evse_id: int) -> bool:
        """Pause charging."""

    async def resume_charging(self, evse_id: int) -> bool:
        """Resume charging."""

    async def stop_transaction(
        self, evse_id: int, reason: StopReason, id_token: IdToken | None = None
    ) -> bool:
        """Stop the EVSE's transaction; True if the command was taken."""

    async def force_unlock(self, evse_id: int, connector_id: int) -> bool:
        """Unlock a connector; True if it was unlocked."""

    async def is_reset_allowed(self, reset_type: str) -> bool:
        """Ask whether the machine may be reset now: Soft, Hard or NotSpecified."""

    async def reset(self, reset_type: str, *, scheduled: bool) -> None:
        """Reset the machine."""

    async def reset_evse(self, evse_id: int) -> bool:
        """Reset one EVSE."""

    async def set_system_time(self, moment: datetime) -> bool:
        """Set the machine's clock."""

    async def get_boot_reason(self) -> BootReason:
        """Tell why the machine started."""

    async def set_connection_timeout(self, timeout_s: int) -> None:
        """Tell the host's authorization how long it may wait for the cable."""

    async def set_master_pass_group_id(self, group_id: str) -> None:
        """Tell the host's authorization whose tokens end any transaction."""

    async def withdraw_authorization(self, evse_id: int | None, id_token: IdToken | None) -> bool:
        """Withdraw an authorization that has not led to a transaction."""

    async def reserve_now(self, request: Reservation) -> ReserveNowStatus:
        """Have the host keep an EVSE for a driver."""

    async def cancel_reservation(self, reservation_id: int) -> bool:
        """Have the host end a reservation; False if it has none."""

    async def exists_reservation(
        self, evse_id: int, id_token: IdToken, group_id_token: IdToken | None
    ) -> ReservationMatch:
        """Ask the host for whom an EVSE is reserved."""

    async def set_get_certificate_response(
        self, evse_id: int, action: CertificateAction, response: EvCertificateResponse
    ) -> None:
        """Tell what the CSMS answered to a car's request for a certificate."""

    async def set_external_limits(
        self, evse_id: int, steps: Sequence[ExternalLimit], setpoint_priority: int
    ) -> None:
        """Tell the host's energy management what applies to an EVSE (0: the station) from now on.

        `setpoint_priority` is that of setpoints among those of others, 0 (the highest) to 1000.
        """

    async def data_transfer(self, request: DataTransfer) -> DataTransferResponse:
        """Hand a vendor-specific message of the CSMS to the host."""

    async def configure_network(self, request: ConfigureNetwork) -> NetworkResult:
        """Bring up the network of a connection profile, and wait until it is there or not.

        An agent that has no such method answers NotSupported.
        """


class Certificates(Protocol):
    """The certificates that the station has, and those that it trusts.

    What a coroutine has done is on disk when it returns. A refusal is a value; nothing is raised.
    """

    @property
    def entries(self) -> int:
        """How many certificates are installed, sub-CAs included."""

    def has_csms_root(self) -> bool:
        """Tell whether a CSMS can be authenticated: a root was installed or configured."""

    def has_station_certificate(self) -> bool:
        """Tell whether the station has a certificate with its key that is valid now."""

    def own(self, use: SigningUse) -> OwnCertificate | None:
        """Return the newest certificate of the station for something; None if there is none."""

    def root_for(self, use: SigningUse) -> CertificateHashData | None:
        """Return the root that a certificate is to lead to, if there is exactly one."""

    def listed(self, uses: tuple[CertificateUse, ...]) -> tuple[CertificateHashDataChain, ...]:
        """Return the hash data of what is installed; no use means all."""

    async def install(
        self, use: CertificateUse, pem: str, *, most: int, only_by_successor: bool = False
    ) -> CertificateRefusal | None:
        """Install a root; None if it counts from now on.

        `most` is how many certificates there may be in all. With `only_by_successor` a CSMS root
        has to be signed by the one that it replaces.
        """

    async def delete(
        self, wanted: CertificateHashData, *, anchor: str | None, secured: bool
    ) -> DeleteStatus:
        """Delete what hash data names, unless it is in use.

        `secured` says that there is a connection by TLS, `anchor` which root it rests on, if known.
        """

    async def request(
        self, use: SigningUse, subject: Subject, number: int
    ) -> str | CertificateRefusal:
        """Make a key and return the request for its certificate, PEM."""

    def pending(self) -> Mapping[int, SigningUse]:
        """Return the numbers of the requests that may still be answered."""

    @property
    def last_number(self) -> int:
        """The greatest number of a request that is known, answered or not; 0 if there is none."""

    def request_of(self, use: SigningUse) -> tuple[int, str] | None:
        """Return number and PEM of the latest request that was not answered."""

    async def take(
        self, chain: str, *, use: SigningUse | None, number: int | None, ahead: bool
    ) -> OwnCertificate | CertificateRefusal:
        """Take a signed certificate for a request; with `ahead` also one that is not valid yet."""

    async def connected(
        self, *, by_certificate: bool, anchor: str | None, keep_old: bool
    ) -> tuple[str, ...]:
        """Keep of new and old certificates what the present connection has shown to work.

        With `keep_old` the station's old certificate stays for a month. Returns the subjects of
        new certificates that were discarded because only the old one worked.
        """

    async def learn(self) -> None:
        """Look at configured files that are new or changed."""

    async def forget_old(self) -> None:
        """Remove what was kept for long enough."""


class Store(Protocol):
    """What survives a power cut.

    Writes are collected by `atomically` (which nests: the outermost is the unit) and are on disk
    together or not at all; the core goes on at once, acknowledgements wait (`durable` of the
    adapters).
    """

    def atomically(self) -> AbstractContextManager[None]:
        """Write all or nothing of what the block holds."""

    def when_durable(self, then: Callable[[], None]) -> None:
        """Call `then` when everything written so far is on disk.

        It is called all the same where the disk fails, or takes longer than ten seconds: what
        follows shall not depend on a broken disk.
        """

    def save(self, key: str, document: object) -> None:
        """Save a dataclass under its type and a key, in place of an earlier one."""

    def forget(self, kind: type, key: str) -> None:
        """Forget a document; nothing happens if there is none."""

    def load(self, kind: type[D]) -> Mapping[str, D]:
        """Return all documents of a type, as they were when the store was opened.

        For the start, and once: the second time there are none.
        """

    def queue(self, request: Durable) -> None:
        """Append a request to the durable queue."""

    def dequeue(self, entry: QueueEntry) -> None:
        """Remove an entry that the CSMS acknowledged."""

    def entry_failed(self, entry: QueueEntry) -> None:
        """Count a send that was refused or not answered."""

    def redate(self, by: timedelta) -> None:
        """Move all dates in the queue that are of before the clock was known."""

    def set_aside(self, entry: QueueEntry, reason: str) -> None:
        """Take an entry out of the order, visibly, with the reason."""

    def save_transaction_facts(
        self, transaction_id: str, generation: str, csms_id: str | None
    ) -> None:
        """Note in which generation, and under which number, the CSMS acknowledged a transaction."""

    def transaction_of(self, csms_id: str) -> str | None:
        """Return the transaction that a CSMS knows under this id or 1.6 number."""

    def queued_for(self, transaction_id: str | None) -> int:
        """Return how many messages of a transaction, or of all, wait for the CSMS."""

    def save_attribute(
        self,
        address: ComponentVariable,
        attribute_type: AttributeType,
        value: str | None,
        source: str,
    ) -> None:
        """Save the value of a variable's attribute; None is back to the factory value."""


class Outbox(Protocol):
    """The durable queue, as the CSMS adapter drains it, and the wait for the disk."""

    @property
    def written(self) -> int:
        """How many units of work were handed over: unchanged, there is nothing new to wait for."""

    async def durable(self) -> None:
        """Wait until everything written so far is on disk; raises StorageFailure."""

    async def waiting(
        self, generation: str, limit: int, *, of_transactions: bool | None = None
    ) -> list[QueueEntry]:
        """Return the next entries that may go out in a generation ("1.6" or "2.x"), in order.

        Only committed entries; those of a transaction that was acknowledged in the other
        generation are left where they are. With `of_transactions` only those of transactions, or
        only the others.
        """

    async def waiting_in(self, generation: str, limit: int) -> list[QueueEntry]:
        """Return those of them whose transaction was acknowledged in that generation."""

    def facts_of(self, transaction_id: str) -> TransactionFacts:
        """Return what is known of a transaction now: ask right before encoding an event of it."""

    async def all_entries(self) -> list[QueueEntry]:
        """Return the whole queue, set aside or not, at most 1,000 entries."""

    async def release(self, entry_id: int) -> bool:
        """Put an entry that was set aside back to its place, to be tried anew; False if none is.

        Raises:
            StorageFailure: it cannot be read

        """

    def drop(self, entry_id: int) -> bool:
        """Delete an entry that was set aside; False if none is."""


class Journal(Protocol):
    """What was said between the station and the CSMS."""

    async def find(self, wanted: MessageFilter) -> list[JournalMessage]:
        """Return the newest messages that are wanted, oldest of them first."""


class LegacyKeys(Protocol):
    """Configuration keys, as an older OCPP has them, as a view on the device model.

    An address whose component is empty means a key; case does not matter.
    """

    @property
    def active(self) -> bool:
        """Whether addresses may be keys now: the version spoken last has them."""

    def names(self) -> tuple[str, ...]:
        """Return the keys that are not hidden, in order; some may have no value."""

    def read(self, key: str) -> ConfigurationKey | None:
        """Return a key and its value as the older OCPP writes it; None if unknown or hidden."""

    def plan(self, key: str, value: str) -> tuple[SetVariable, ...] | KeyRefusal:
        """Return what writing a key writes, or why it cannot be written.

        Of several writes the first is the key's own; the others belong to it.
        """

    def address_of(self, key: str) -> ComponentVariable | None:
        """Return the variable behind a key now; None if unknown, hidden or computed."""

    def key_of(self, address: ComponentVariable) -> str | None:
        """Return the key that a variable is the value of; None if it has none."""

    def is_ambiguous(self, address: ComponentVariable) -> bool:
        """Tell whether more than one key claims to be a variable."""

    def is_derived(self, address: ComponentVariable) -> bool:
        """Tell whether a variable is computed from others, and so cannot be written."""


class Tasks(Protocol):
    """Work that goes on by itself."""

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine; an exception that leaves it is logged, never lost."""


@dataclass(frozen=True, slots=True)
class Outside:
    """All that a block may need from outside of the core.

    `new_id` returns a new UUID of 36 characters, `random` a number from 0 to below 1.
    """

    clock: Clock
    store: Store
    csms: CsmsPort
    host: HostPort
    agents: AgentsPort
    tasks: Tasks
    certificates: Certificates
    new_id: Callable[[], str]
    random: Callable[[], float]
