"""Block F, Remote control: the CSMS starts, stops, unlocks, and asks for messages (F01 to F06).

Starting is an offer: the token goes to the host as if it had been presented at the reader, and
what becomes of it is reported like any other session. F07 is left out.
"""

import logging
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import AuthCtrlr, OCPP16LegacyCtrlr, TxCtrlr
from ocppd.errors import AgentRefused
from ocppd.model.availability import Activity, ConnectorStatus
from ocppd.model.charging_profiles import ChargingProfile, ChargingProfilePurpose
from ocppd.model.remote_control import (
    RequestStartStopStatus,
    StartTransaction,
    StartTransactionResult,
    StatusResult,
    StopTransaction,
    TriggerMessage,
    UnlockConnector,
    UnlockStatus,
)
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocppd.model.variables import EvseRef, StatusInfo
from ocppd.station.answer import Answer, nothing
from ocppd.station.authorization import DEFAULT_CONNECTION_TIMEOUT_S
from ocppd.station.evse import Connector, Evse, Evses, RemoteStart
from ocppd.station.ports import Outside
from ocppd.station.trigger_message import MessageTriggers

_LOG = logging.getLogger(__name__)

EVSE_AGENT = "EvseManager"
AUTHORIZING_S = 60
"""How much longer than the connection timeout a remote start is remembered: the host may have to
ask the CSMS about the token first (F02.FR.09)."""

_REJECTED = RequestStartStopStatus.REJECTED.value
_BLOCKED = frozenset({ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED})


class StopsTransactions(Protocol):
    """What is needed of the transactions block."""

    def stop(
        self, evse_id: int, reason: StopReason, id_token: IdToken | None = None
    ) -> Coroutine[Any, Any, bool]:
        """Ask the host to stop the EVSE's transaction; True if it took the command."""


class Reservations(Protocol):
    """The reservations (block H)."""

    def admits(self, ref: EvseRef, id_token: IdToken, group_id_token: IdToken | None) -> bool:
        """Tell whether a reserved connector is reserved for this token or its group."""

    async def ask_host(
        self, evse_id: int | None, id_token: IdToken, group_id_token: IdToken | None
    ) -> None:
        """Find out what the host knows of it, for `admits`."""


class NoReservations:
    """What is known of reservations without block H: the host made them, for somebody else."""

    def admits(self, ref: EvseRef, id_token: IdToken, group_id_token: IdToken | None) -> bool:
        """Return False."""
        return False

    async def ask_host(
        self, evse_id: int | None, id_token: IdToken, group_id_token: IdToken | None
    ) -> None:
        """Do nothing."""


def claim(evses: Evses, evse: Evse, id_token: IdToken | None, now: datetime) -> RemoteStart | None:
    """Return the remote start that a token at an EVSE fulfils, and forget it everywhere.

    One whose time is over is forgotten, and not returned.
    """
    for each in evses:
        each.remote_starts[:] = [start for start in each.remote_starts if start.until > now]
    for start in evse.remote_starts:
        if start.id_token.same_as(id_token):
            for each in evses:
                each.remote_starts[:] = [other for other in each.remote_starts if other != start]
            return start
    return None


class ChecksProfiles(Protocol):
    """What smart charging says of the profile of a remote start."""

    @property
    def enabled(self) -> bool:
        """Whether charging profiles are used at all."""

    def problem_with(self, evse_id: int, profile: ChargingProfile) -> StatusInfo | None:
        """Return why a profile cannot be installed, whatever its transaction."""


class RemoteControl:
    """Does what the CSMS asks for, or says why not."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        transactions: StopsTransactions,
        triggers: MessageTriggers,
        profiles: ChecksProfiles,
        reservations: Reservations | None = None,
    ) -> None:
        self._clock = outside.clock
        self._store = outside.store
        self._host = outside.host
        self._agents = outside.agents
        self._tasks = outside.tasks
        self._device_model = device_model
        self._evses = evses
        self._transactions = transactions
        self._triggers = triggers
        self._profiles = profiles
        self._reservations = reservations or NoReservations()

    # F01, F02

    async def start_if_admitted(self, request: StartTransaction) -> Answer[StartTransactionResult]:
        """Offer a token to the host as `start_transaction` does, asking it of its reservations."""
        await self._reservations.ask_host(request.evse_id, request.id_token, request.group_id_token)
        return self.start_transaction(request)

    def start_transaction(self, request: StartTransaction) -> Answer[StartTransactionResult]:
        """Offer a token to the host, at one EVSE or wherever there is room."""
        problem = self._problem_with_token(request) or self._problem_with_profile(request)
        if problem is not None:
            return self._reject(request, problem)
        found = self._find_evses(request)
        if isinstance(found, StatusInfo):
            return self._reject(request, found)
        self._remember(request, found)
        named = request.evse_id is not None or request.by_connector or self._holds()
        offer = ProvidedIdToken(
            request.id_token,
            AuthorizationType.OCPP,
            request_id=request.remote_start_id,
            parent_id_token=request.group_id_token,
            evse_ids=tuple(evse.id for evse in found) if named else (),
            # F01.FR.01, FR.02, F02.FR.09, FR.10
            prevalidated=not self._device_model.flag(AuthCtrlr.AuthorizeRemoteStart),
        )
        # F01.FR.13: with a cable plugged in there may be a transaction already.
        transaction_id = found[0].transaction_id if len(found) == 1 else None
        return Answer(
            StartTransactionResult(RequestStartStopStatus.ACCEPTED, transaction_id),
            then=partial(self._host.provide_token, offer),
            unsaid=nothing,  # a CSMS that was not told tells the driver that it failed
        )

    def _holds(self) -> bool:
        """Tell whether the host may not choose among all EVSEs (H01.FR.07)."""
        return any(each.held for evse in self._evses for each in evse.connectors.values())

    def claim(self, evse: Evse, id_token: IdToken | None) -> RemoteStart | None:
        """Return the remote start that a token at an EVSE fulfils, and forget it (F01.FR.25)."""
        return claim(self._evses, evse, id_token, self._clock.now())

    def _reject(self, request: StartTransaction, why: StatusInfo) -> Answer[StartTransactionResult]:
        _LOG.info(
            "Remote start at EVSE %s rejected: %s",
            request.evse_id if request.evse_id is not None else "any",
            why.additional_info or why.reason_code,
        )
        return Answer(StartTransactionResult(RequestStartStopStatus.REJECTED, status_info=why))

    def _problem_with_token(self, request: StartTransaction) -> StatusInfo | None:
        token = request.id_token
        if not token.value and token.type is not IdTokenType.NO_AUTHORIZATION:
            return StatusInfo("InvalidIdToken", "the token is empty")
        return None

    def _problem_with_profile(self, request: StartTransaction) -> StatusInfo | None:
        """Check a charging profile as far as it concerns a transaction to come (F01.FR.26)."""
        profile = request.charging_profile
        if profile is None or not self._profiles.enabled:  # F01.FR.12
            return None
        if profile.purpose is not ChargingProfilePurpose.TX_PROFILE:  # F01.FR.09
            return StatusInfo("InvalidProfile", "the purpose is not TxProfile")
        if profile.transaction_id is not None:  # F01.FR.11
            return StatusInfo("InvalidProfile", "there is a transactionId")
        if request.evse_id is None:
            return StatusInfo("InvalidProfile", "a profile needs an EVSE")
        return self._profiles.problem_with(request.evse_id, profile)

    def _find_evses(self, request: StartTransaction) -> Sequence[Evse] | StatusInfo:
        """Return where a transaction may start, at least one EVSE; or why it cannot."""
        if request.evse_id is not None:
            evse = self._evses.get(request.evse_id)
            if evse is None:
                return StatusInfo("UnknownEvse")
            return self._problem_with_evse(evse, request) or [evse]
        if request.by_connector and self._device_model.flag(
            OCPP16LegacyCtrlr.RejectRemoteStartTransactionWithoutConnectorId
        ):
            return StatusInfo("MissingParam", "a connectorId is needed")
        free = [evse for evse in self._evses if self._problem_with_evse(evse, request) is None]
        if not free:
            return StatusInfo("Unspecified", "no EVSE is free")
        if request.by_connector and self._device_model.flag(
            OCPP16LegacyCtrlr.RemoteStartTransactionWithoutConnectorIdFindFirst
        ):
            return free[:1]
        return free  # F01.FR.20: the host selects, as it does for a token at a shared reader.

    def _problem_with_evse(self, evse: Evse, request: StartTransaction) -> StatusInfo | None:
        if evse.transaction_id is not None and evse.authorized:  # F01.FR.24, F02.FR.26
            return StatusInfo("TxInProgress")
        if request.connector_id is not None:
            connector = evse.connectors.get(request.connector_id)
            if connector is None:
                return StatusInfo("UnknownConnectorId")
            return self._problem_with_connector(evse, connector, request)
        problems = [
            self._problem_with_connector(evse, connector, request)
            for connector in evse.connectors.values()
        ]
        return None if None in problems else problems[0]

    def _problem_with_connector(
        self, evse: Evse, connector: Connector, request: StartTransaction
    ) -> StatusInfo | None:
        if connector.status in _BLOCKED:  # F01.FR.23, F02.FR.25
            return StatusInfo("Unspecified", f"the connector is {connector.status.value}")
        if request.by_connector and connector.activity is Activity.FINISHING:
            return StatusInfo("TxInProgress", "the connector is Finishing")
        if connector.status is ConnectorStatus.RESERVED and not self._reservations.admits(
            EvseRef(evse.id, connector.id), request.id_token, request.group_id_token
        ):  # F01.FR.21, FR.22, F02.FR.23, FR.24
            return StatusInfo("Unspecified", "reserved for another token")
        return None

    def _remember(self, request: StartTransaction, evses: Sequence[Evse]) -> None:
        """Keep a remote start until its token is presented or its time is over (F02.FR.07)."""
        timeout_s = self._device_model.integer(
            TxCtrlr.EVConnectionTimeOut, DEFAULT_CONNECTION_TIMEOUT_S
        )
        now = self._clock.now()
        start = RemoteStart(
            request.id_token,
            request.remote_start_id,
            request.group_id_token,
            now + timedelta(seconds=timeout_s + AUTHORIZING_S),
            # K05.FR.04: ignored where there is no smart charging.
            request.charging_profile if self._profiles.enabled else None,
        )
        for evse in evses:
            evse.remote_starts[:] = [
                other
                for other in evse.remote_starts
                if other.until > now and not other.id_token.same_as(start.id_token)
            ]
            evse.remote_starts.append(start)

    # F03

    def stop_transaction(self, request: StopTransaction) -> Answer[StatusResult]:
        """Have the host stop a transaction."""
        evse = self._with_transaction(request.transaction_id)
        if evse is None:
            return Answer(StatusResult(_REJECTED, StatusInfo("TxNotFound")))  # F03.FR.08
        if not self._agents.has(EVSE_AGENT):
            why = StatusInfo("UnsupportedRequest", "nobody can stop it")
            return Answer(StatusResult(_REJECTED, why))
        return Answer(  # F03.FR.07
            StatusResult(RequestStartStopStatus.ACCEPTED.value),
            then=partial(self._start_stopping, evse.id),
            unsaid=nothing,
        )

    def _with_transaction(self, csms_id: str) -> Evse | None:
        for evse in self._evses:
            if evse.transaction_id and csms_id in (evse.csms_transaction_id, evse.transaction_id):
                return evse
        transaction_id = self._store.transaction_of(csms_id)
        return self._evses.with_transaction(transaction_id) if transaction_id else None

    def _start_stopping(self, evse_id: int) -> None:
        self._tasks.start(self._stop(evse_id, StopReason.REMOTE), f"remote stop at EVSE {evse_id}")

    async def _stop(self, evse_id: int, reason: StopReason) -> None:
        if not await self._stopped(evse_id, reason):
            _LOG.warning("The host does not stop the transaction at EVSE %d", evse_id)

    async def _stopped(self, evse_id: int, reason: StopReason) -> bool:
        try:
            return await self._transactions.stop(evse_id, reason)
        except AgentRefused as error:
            _LOG.warning("EVSE %d: %s", evse_id, error)
            return False

    # F05

    async def unlock_connector(self, request: UnlockConnector) -> Answer[StatusResult]:
        """Have the host unlock a connector, also if no cable is seen there (F05.FR.06)."""
        evse = self._evses.get(request.evse_id)
        connector = evse.connectors.get(request.connector_id) if evse is not None else None
        if evse is None or connector is None:
            return _unlock(UnlockStatus.UNKNOWN_CONNECTOR)  # F05.FR.03
        if not self._agents.has(EVSE_AGENT):
            return _unlock(UnlockStatus.NOT_SUPPORTED, "nobody can unlock it")
        if self._has_authorized_transaction(evse, connector):
            if not request.finishes_transaction:
                return _unlock(UnlockStatus.ONGOING_AUTHORIZED_TRANSACTION)  # F05.FR.02
            if has_fixed_cable(connector) and not self._device_model.flag(
                OCPP16LegacyCtrlr.StopTransactionIfUnlockNotSupported
            ):
                return _unlock(UnlockStatus.NOT_SUPPORTED, "the cable is fixed")
            if not await self._stopped(evse.id, StopReason.UNLOCK_COMMAND):
                return _unlock(UnlockStatus.UNLOCK_FAILED, "the transaction was not stopped")
        try:
            unlocked = await self._agents.force_unlock(evse.id, connector.id)
        except AgentRefused as error:
            _LOG.warning("Connector %d of EVSE %d: %s", connector.id, evse.id, error)
            return _unlock(UnlockStatus.NOT_SUPPORTED, str(error))
        # F05.FR.04, FR.05
        return _unlock(UnlockStatus.UNLOCKED if unlocked else UnlockStatus.UNLOCK_FAILED)

    def _has_authorized_transaction(self, evse: Evse, connector: Connector) -> bool:
        """Tell whether the EVSE's transaction is this connector's, as far as a cable shows it."""
        if evse.transaction_id is None or not evse.authorized:
            return False
        return connector.occupied or not any(each.occupied for each in evse.connectors.values())

    # F06

    def trigger_message(self, request: TriggerMessage) -> Answer[StatusResult]:
        """Send a message because the CSMS asks for it."""
        return self._triggers.trigger(request)


def has_fixed_cable(connector: Connector) -> bool:
    """Tell whether a connector has no lock at the station: its type (ConnectorEnumType) is c…."""
    return connector.type is not None and connector.type.startswith("c")


def _unlock(status: UnlockStatus, why: str | None = None) -> Answer[StatusResult]:
    return Answer(StatusResult(status.value, StatusInfo("Unspecified", why) if why else None))
