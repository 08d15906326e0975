"""What follows from the CSMS's answers to transaction events (E05, C10; contract 1.11).

The cache learns what it says of tokens, the host hears of it, and a transaction whose token is
not accepted is stopped, or goes on up to MaxEnergyOnInvalidId.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import TxCtrlr
from ocppd.errors import AgentRefused
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import AuthorizationStatus, IdToken, IdTokenInfo, ValidationResult
from ocppd.model.transactions import (
    OcppTransactionEvent,
    OcppTransactionEventResponse,
    TransactionEvent,
    TransactionEventResponse,
    TransactionEventType,
)
from ocppd.station.evse import Evse
from ocppd.station.ports import Outside
from ocppd.station.sampling import energy_wh
from ocppd.station.transaction import Session, Transaction

_LOG = logging.getLogger(__name__)


def signals_of(
    event: TransactionEvent, csms_id: str | None, *, names_transactions: bool
) -> list[OcppTransactionEvent]:
    """Return what the host is told when an event is queued.

    Where the CSMS names transactions (1.6) one starts with the token, and nothing in between is
    told before the number comes.
    """
    if not names_transactions:
        return [_signal(event, event.event_type, event.transaction_id)]
    told = []
    if event.authorizes:
        told.append(_signal(event, TransactionEventType.STARTED, None))
    if event.event_type is TransactionEventType.ENDED and event.starting_token is not None:
        told.append(_signal(event, TransactionEventType.ENDED, csms_id))
    return told


def _signal(
    event: TransactionEvent, event_type: TransactionEventType, transaction_id: str | None
) -> OcppTransactionEvent:
    return OcppTransactionEvent(event_type, event.session_id, event.evse, transaction_id)


class TransactionAnswers:
    """Draws the consequences of TransactionEventResponse."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        learn: Callable[[IdToken, IdTokenInfo], None],
        stop: Callable[[int, StopReason], Awaitable[bool]],
    ) -> None:
        """Take what it needs; `stop` asks the host to stop an EVSE's transaction."""
        self._outside = outside
        self._model = device_model
        self._learn = learn
        self._stop = stop
        self._paused: set[str] = set()

    def on_answered(
        self,
        event: TransactionEvent,
        response: TransactionEventResponse,
        evse: Evse | None,
        session: Session | None,
    ) -> Session | None:
        """Take an answer; returns the session as it is after it, if its transaction is open."""
        transaction = session.transaction if session else None
        named = response.names_transaction
        csms_id = response.csms_transaction_id if named else event.transaction_id
        info = response.id_token_info
        self._tell_host(event, response)
        if info is not None:
            token = event.id_token or event.stop_token
            if token is not None:
                self._learn(token, info)  # C10.FR.04
            self._outside.host.validate_result_update(event.evse.id, _result(info))
        if session is None or transaction is None or evse is None:
            return None
        if csms_id is not None:
            transaction = replace(transaction, csms_id=csms_id)
        if info is not None and event.event_type is not TransactionEventType.ENDED:
            about_driver = event.id_token is None or event.id_token.same_as(session.id_token)
            if about_driver:
                invalid = info.status is not AuthorizationStatus.ACCEPTED
                transaction = replace(transaction, invalid_token=invalid)
                if invalid:
                    self._refuse(evse, transaction, info.status)
        return replace(session, transaction=transaction)

    def _tell_host(self, event: TransactionEvent, response: TransactionEventResponse) -> None:
        host = self._outside.host
        if response.names_transaction:
            if response.csms_transaction_id is None:
                return
            original = _signal(event, TransactionEventType.STARTED, None)
            host.transaction_event(
                _signal(event, TransactionEventType.UPDATED, response.csms_transaction_id)
            )
            host.transaction_event_response(OcppTransactionEventResponse(original))
            return
        if event.host_lacks_id:  # The CSMS that was to name it never heard of it.
            host.transaction_event(
                _signal(event, TransactionEventType.UPDATED, event.transaction_id)
            )
        host.transaction_event_response(
            OcppTransactionEventResponse(
                _signal(event, event.event_type, event.transaction_id),
                response.total_cost,
                response.charging_priority,
                response.personal_messages[0] if response.personal_messages else None,
            )
        )

    def watch(self, evse: Evse, transaction: Transaction) -> None:
        """Pause a transaction whose token is not accepted once it has had enough (E05.FR.03)."""
        if (
            transaction.invalid_token
            and transaction.id not in self._paused
            and not self._model.flag(TxCtrlr.StopTxOnInvalidId, default=True)
            and self._has_had_enough(evse, transaction)
        ):
            self._paused.add(transaction.id)
            self._outside.tasks.start(self._pause(evse.id), f"pause EVSE {evse.id}")

    def forget(self, transaction_id: str) -> None:
        """Take note that a transaction is over."""
        self._paused.discard(transaction_id)

    def _has_had_enough(self, evse: Evse, transaction: Transaction) -> bool:
        if not self._model.has(TxCtrlr.MaxEnergyOnInvalidId):
            return True  # E05.FR.02
        allowed_wh = self._model.integer(TxCtrlr.MaxEnergyOnInvalidId)
        now, start = energy_wh(evse.powermeter), transaction.start_meter_wh
        return allowed_wh == 0 or (
            now is not None and start is not None and now - start >= allowed_wh
        )

    def _refuse(self, evse: Evse, transaction: Transaction, status: AuthorizationStatus) -> None:
        _LOG.warning("EVSE %d: the CSMS says %s of the token", evse.id, status.value)
        if self._model.flag(TxCtrlr.StopTxOnInvalidId, default=True):  # E05.FR.09, FR.10
            self._outside.tasks.start(self._stop_or_pause(evse.id), f"stop EVSE {evse.id}")
        else:
            self.watch(evse, transaction)

    async def _stop_or_pause(self, evse_id: int) -> None:
        if not await self._stop(evse_id, StopReason.DE_AUTHORIZED):
            await self._pause(evse_id)

    async def _pause(self, evse_id: int) -> None:
        try:
            if not await self._outside.agents.pause_charging(evse_id):
                _LOG.warning("EVSE %d: the host does not pause an invalid token", evse_id)
        except AgentRefused as error:
            _LOG.warning("EVSE %d: charging was not paused: %s", evse_id, error)


def _result(info: IdTokenInfo) -> ValidationResult:
    return ValidationResult(
        info.status,
        tariff_messages=info.personal_messages,
        expiry_time=info.cache_expiry,
        parent_id_token=info.group_id_token,
        evse_ids=info.evse_ids,
    )
