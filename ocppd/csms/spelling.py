"""What a version of OCPP provides to the link: its words for what the station says and hears.

Each block module of `v16`, `v201` and `v21` exports `routes(station)`, the CALLs of the CSMS that
it answers, and, if it sends something, `REQUESTS`: for each request of `ocppd.model` how this
version says it (`requests(station)` where the words depend on the topology). The
`spelling(station)` of the version collects them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, NamedTuple, TypeVar

from ocppd.csms.payload import Payload, Route, RpcError
from ocppd.errors import NotSpoken
from ocppd.model.manners import Manners
from ocppd.model.queue import QueueEntry, TransactionFacts
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import MeterValues, TransactionEvent
from ocppd.ocppj.frames import Dialect

SUBPROTOCOLS = {"2.1": "ocpp2.1", "2.0.1": "ocpp2.0.1", "1.6": "ocpp1.6"}
"""Names of the versions in `Sec-WebSocket-Protocol` (part 4, 3.1.2)."""

Q = TypeVar("Q")
R = TypeVar("R")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Outgoing(Generic[Q, R]):
    """How one version says a request to the CSMS, and how it reads the response.

    `decode` gets a payload that has passed the schema of the response. An encoder may raise
    `NotSpoken` where this version has no word for this very request.
    """

    action: str
    encode: Callable[[Q], Payload]
    decode: Callable[[Payload], R]


class Message(NamedTuple):
    """One message of a durable entry, encoded for the present version.

    `decode` reads the response into what the transactions block takes; it gets a payload that has
    passed the schema.
    """

    action: str
    payload: Payload
    decode: Callable[[Payload], Any]


class Silence(Enum):
    """The CALL is not answered at all."""

    SILENCE = auto()


SILENCE = Silence.SILENCE

Verdict = RpcError | Payload | Silence | None
"""What the gate says of a CALL: refuse it, answer it with this payload, say nothing, or (None)
let the station answer."""

Gate = Callable[[str | None, str, Payload], Verdict]
"""From the registration status (`Accepted`, `Pending`, `Rejected`, or None before the first
answer), an action and its payload to a verdict."""

EncodeEntry = Callable[[QueueEntry, TransactionFacts], list[Message]]
"""From an entry of the durable queue, and what is known of its transaction by now, to its messages:
none, one or two. It is called again after each answer that told more of the transaction, so that
the second message may hold the number that the first one's answer gave."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """One version of OCPP, as the station at hand speaks it."""

    dialect: Dialect
    manners: Manners
    routes: Mapping[str, Route]
    requests: Mapping[type, Outgoing[Any, Any]]
    encode_entry: EncodeEntry
    gate: Gate

    @property
    def version(self) -> str:
        """`1.6`, `2.0.1` or `2.1`."""
        return self.dialect.value

    @property
    def generation(self) -> str:
        """`1.6` or `2.x`: transactions do not cross from one to the other."""
        return "1.6" if self.dialect is Dialect.OCPP_16 else "2.x"


def gate_of_16(status: str | None, action: str, _payload: Payload) -> Verdict:
    """Say which CALLs a 1.6 station answers before it is accepted (1.6, 4.2).

    Pending: remote start and stop are refused, the rest is answered. Rejected: nothing is said to
    the CSMS until the retry interval has passed. Before the first answer: as Pending.
    """
    if status == "Accepted":
        return None
    if status == "Rejected":
        return SILENCE
    if action in ("RemoteStartTransaction", "RemoteStopTransaction"):
        return {"status": "Rejected"}
    return None


# B02.FR.01 (B05, B06, B07, B08) and B02.FR.02
_WHILE_PENDING = frozenset(
    {"SetVariables", "GetVariables", "GetBaseReport", "GetReport", "TriggerMessage"}
)
# B02.FR.05
_REFUSED_WHILE_PENDING = frozenset({"RequestStartTransaction", "RequestStopTransaction"})


def gate_of_2(status: str | None, action: str, payload: Payload) -> Verdict:
    """Say which CALLs a 2.x station answers before it is accepted (B02, B03).

    Before the first answer: as Pending.
    """
    if status == "Accepted":
        return None
    if status == "Rejected":
        # B02.FR.04: a trigger is the one way to an earlier BootNotification.
        if action == "TriggerMessage" and payload.get("requestedMessage") == "BootNotification":
            return None
        return RpcError("SecurityError", "not accepted by the CSMS")  # B03.FR.08
    if action in _WHILE_PENDING:
        return None
    if action in _REFUSED_WHILE_PENDING:
        return {"status": "Rejected"}
    return RpcError("SecurityError", "registration is pending")


def durable_messages(
    station: S,
    transactions: Callable[[S, TransactionEvent, TransactionFacts], list[Message]],
    meter_values: Callable[[S, MeterValues], list[Message]],
    security: Callable[[S, SecurityEventNotification], list[Message]],
) -> EncodeEntry:
    """Put together what a version's blocks say of the entries of the durable queue."""

    def encode_entry(entry: QueueEntry, facts: TransactionFacts) -> list[Message]:
        match entry.request:
            case TransactionEvent() as event:
                return transactions(station, event, facts)
            case MeterValues() as values:
                return meter_values(station, values)
            case SecurityEventNotification() as event:
                return security(station, event)
            case _:
                raise NotSpoken(f"{type(entry.request).__name__} is spelled by its own table")

    return encode_entry


def collected(*tables: Mapping[Any, Outgoing[Any, Any]]) -> dict[type, Outgoing[Any, Any]]:
    """Put together what the blocks of a version say; each request is said by one of them."""
    requests: dict[type, Outgoing[Any, Any]] = {}
    for table in tables:
        for request, outgoing in table.items():
            if request in requests:
                raise ValueError(f"{request.__name__} is spelled twice")
            requests[request] = outgoing
    return requests
