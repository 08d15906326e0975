"""Which requests wait durably for the CSMS although they are no matter of transactions.

By itself nothing does. The operator wants all messages kept by QueueAllMessages (but for the kinds
in MessageTypesDiscardForQueueing), and events by OfflineQueuingSeverity (N07.FR.04).
"""

from typing import Any

from ocppd.csms.spelling import Spelling
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import InternalCtrlr, MonitoringCtrlr, OCPPCommCtrlr
from ocppd.model.requests import CsmsRequest

# They ask something, and an answer of tomorrow serves nobody; or tell that the station is there.
_OF_THE_MOMENT = frozenset(
    {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "GetCertificateChainStatus",
        "Heartbeat",
        "SignCertificate",
    }
)
_EVENT = "NotifyEvent"


class Keeping:
    """Decides by the device model."""

    def __init__(self, model: DeviceModel) -> None:
        self._model = model

    def keeps(self, request: CsmsRequest[Any], spelling: Spelling | None) -> bool:
        """Tell whether a request is kept, by how the version spoken last says it."""
        outgoing = spelling.requests.get(type(request)) if spelling else None
        if outgoing is None or outgoing.action in _OF_THE_MOMENT:
            return False
        severity = getattr(request, "severity", None)
        if outgoing.action == _EVENT and severity is not None:
            most = self._model.integer(MonitoringCtrlr.OfflineQueuingSeverity, -1)
            if severity <= most:
                return True
        if not self._model.flag(OCPPCommCtrlr.QueueAllMessages):
            return False
        discarded = {
            name.removesuffix("Request")
            for name in self._model.members(OCPPCommCtrlr.MessageTypesDiscardForQueueing)
        }
        return outgoing.action not in discarded


def pace_s(model: DeviceModel) -> float:
    """Return the least seconds between two messages of the queue (MessageQueueDrainRate)."""
    rate = model.integer(InternalCtrlr.MessageQueueDrainRate)
    return 1.0 / rate if rate > 0 else 0.0
