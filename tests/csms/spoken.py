"""A version's words for the blocks of a station, checked by the schemas of the ocpp package."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any

from ocpp.messages import get_validator

from ocppd.csms.payload import Payload
from ocppd.csms.v16.spelling import MANNERS as MANNERS_OF_16
from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.model.availability import ConnectorStatus
from ocppd.model.certificates import SigningUse
from ocppd.model.registration import RegistrationStatus
from ocppd.model.requests import CsmsRequest
from ocppd.model.variables import EvseRef, StatusInfo
from ocppd.station.authorization import Authorization
from ocppd.station.data_transfer import DataTransfers
from ocppd.station.evse import Evses
from ocppd.station.limit_publication import Publication
from ocppd.station.local_auth_list import LocalAuthList
from ocppd.station.remote_control import RemoteControl
from ocppd.station.smart_charging import SmartCharging
from ocppd.station.trigger_message import MessageTriggers
from tests.fakes import World
from tests.station.models import TOPOLOGY, shipped_device_model

_CALL, _CALL_RESULT = 2, 3


def as_sent(version: str, action: str, payload: Payload, *, response: bool = False) -> Payload:
    """Return a payload as the other side reads it; it has to fit the schema."""
    read: Payload = json.loads(json.dumps(payload, allow_nan=False))
    get_validator(_CALL_RESULT if response else _CALL, action, version).validate(read)
    return read


class Triggered:
    """The blocks that send what is triggered: they note it."""

    status = RegistrationStatus.PENDING

    def __init__(self, sent: list[tuple[object, ...]]) -> None:
        self.sent = sent

    def trigger_boot(self) -> None:
        self.sent.append(("boot",))

    def trigger_heartbeat(self) -> None:
        self.sent.append(("heartbeat",))

    def why_not(self, use: SigningUse) -> StatusInfo | None:
        return None

    def sign(self, use: SigningUse) -> None:
        self.sent.append(("sign", use))

    def trigger(self, evse: EvseRef | None) -> None:
        self.sent.append(("message", evse))


class Spoken:
    """Blocks C, D, F and P of a station, behind the modules of one version."""

    def __init__(self, version: str, *modules: ModuleType) -> None:
        self.version = version
        self.world = World()
        if version == "1.6":
            self.world.csms.manners = MANNERS_OF_16
        self.model = shipped_device_model(self.world.store, {SmartChargingCtrlr.Available: False})
        self.evses = Evses(TOPOLOGY)
        for evse in self.evses:
            for connector in evse.connectors.values():
                connector.status = ConnectorStatus.AVAILABLE
        self.triggered: list[tuple[object, ...]] = []
        block = Triggered(self.triggered)
        triggers = MessageTriggers(self.evses, block, block, block, block, block)
        agents = self.world.agents
        self.smart_charging = SmartCharging(
            self.world.outside, self.model, self.evses, Publication()
        )
        self.local_auth_list = LocalAuthList(self.world.outside, self.model)
        station: Any = SimpleNamespace(
            evses=self.evses,
            local_auth_list=self.local_auth_list,
            authorization=Authorization(self.world.outside, self.model, self.evses),
            remote_control=RemoteControl(
                self.world.outside,
                self.model,
                self.evses,
                SimpleNamespace(stop=agents.stop_transaction),
                triggers,
                self.smart_charging,
            ),
            data_transfer=DataTransfers(self.world.outside),
            smart_charging=self.smart_charging,
        )
        self.authorization: Authorization = station.authorization
        self.routes = {}
        self.requests = {}
        for module in modules:
            self.routes.update(module.routes(station))
            self.requests.update(getattr(module, "REQUESTS", {}))

    async def answer_to(self, action: str, payload: Payload) -> Payload:
        """Return the response to a CALL of the CSMS, after what follows from it."""
        answer = await self.routes[action](as_sent(self.version, action, payload))
        result = as_sent(self.version, action, answer.result, response=True)
        answer.then()
        await self.world.tasks.settle()
        return result

    def say(self, request: CsmsRequest[Any]) -> tuple[str, Payload]:
        """Return the action and payload of a request to the CSMS."""
        outgoing = self.requests[type(request)]
        payload = outgoing.encode(request)
        return outgoing.action, as_sent(self.version, outgoing.action, payload)

    def hear(self, kind: type, payload: Payload) -> Any:
        """Return what a response of the CSMS means."""
        outgoing = self.requests[kind]
        return outgoing.decode(as_sent(self.version, outgoing.action, payload, response=True))

    def charge(self, evse_id: int, transaction_id: str | None, csms_id: str | None = None) -> None:
        """Let a transaction be under way at the first connector of an EVSE, or none any more."""
        evse = self.evses[evse_id]
        evse.session_id = evse.transaction_id = transaction_id
        evse.csms_transaction_id = csms_id or transaction_id
        evse.authorized = evse.connectors[1].occupied = transaction_id is not None
        evse.connectors[1].status = (
            ConnectorStatus.OCCUPIED if transaction_id else ConnectorStatus.AVAILABLE
        )
