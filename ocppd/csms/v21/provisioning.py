"""Block B, Provisioning, with what OCPP 2.1 adds to reports: maxElements."""

from typing import Any

from ocppd.csms.payload import Payload
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.provisioning import decode_nothing, routes
from ocppd.csms.v201.provisioning import encode_notify_report as encode_notify_report_201
from ocppd.model.provisioning import NotifyReport

__all__ = ["REQUESTS", "encode_notify_report", "routes"]


def encode_notify_report(request: NotifyReport) -> Payload:
    """Return NotifyReportRequest."""
    payload = encode_notify_report_201(request)
    for item, data in zip(payload["reportData"], request.report_data, strict=True):
        if data.characteristics.max_elements is not None:
            item["variableCharacteristics"]["maxElements"] = data.characteristics.max_elements
    return payload


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    NotifyReport: Outgoing("NotifyReport", encode_notify_report, decode_nothing),
}
