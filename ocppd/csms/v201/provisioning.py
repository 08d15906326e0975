"""Block B, Provisioning: variables and reports (B05 to B08).

BootNotification and Heartbeat are in `registration.py`.
"""

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, RpcError, present, route, timestamp
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.status_info import encode_status_info
from ocppd.csms.v201.variables import (
    decode_address,
    decode_component,
    decode_variable,
    encode_component,
    encode_variable,
)
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import DeviceDataCtrlr
from ocppd.model.provisioning import (
    ComponentCriterion,
    GetBaseReport,
    GetReport,
    NotifyReport,
    ReportBase,
    ReportData,
    ReportResponse,
    ReportTarget,
)
from ocppd.model.requests import Nothing
from ocppd.model.variables import (
    AttributeType,
    Characteristics,
    ComponentVariable,
    GetVariable,
    GetVariableResult,
    SetVariable,
    SetVariableResult,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station

# What the names and the punctuation of one item take at most: four names of 50 characters.
_LARGEST_ADDRESS = 450


def routes(station: "Station") -> dict[str, Route]:
    """Return the actions of this block that the CSMS may send."""
    provisioning, device_model = station.provisioning, station.device_model
    reports = provisioning.reports
    return {
        "SetVariables": route(
            partial(decode_set_variables, device_model),
            provisioning.set_variables,
            encode_set_variables,
        ),
        "GetVariables": route(
            partial(decode_get_variables, device_model),
            provisioning.get_variables,
            encode_get_variables,
        ),
        "GetBaseReport": route(
            decode_get_base_report, reports.get_base_report, encode_report_response
        ),
        "GetReport": route(
            partial(decode_get_report, device_model), reports.get_report, encode_report_response
        ),
    }


# Variables


def decode_set_variables(device_model: DeviceModel, payload: Payload) -> list[SetVariable]:
    """Read SetVariablesRequest; its size is bound as GetVariables' is."""
    data = payload["setVariableData"]
    _check_items(device_model, DeviceDataCtrlr.ItemsPerMessage_SetVariables, len(data))
    size = sum(_LARGEST_ADDRESS + len(item["attributeValue"]) for item in data)
    _check_bytes(device_model, DeviceDataCtrlr.BytesPerMessage_SetVariables, size, payload)
    return [
        SetVariable(decode_address(item), item["attributeValue"], _attribute_type(item))
        for item in data
    ]


def encode_set_variables(results: list[SetVariableResult]) -> Payload:
    """Return SetVariablesResponse."""
    return {"setVariableResult": [_encode_result(result) for result in results]}


def decode_get_variables(device_model: DeviceModel, payload: Payload) -> list[GetVariable]:
    """Read GetVariablesRequest, unless it is larger than announced (B06.FR.16, FR.17)."""
    data = payload["getVariableData"]
    _check_items(device_model, DeviceDataCtrlr.ItemsPerMessage_GetVariables, len(data))
    size = _LARGEST_ADDRESS * len(data)
    _check_bytes(device_model, DeviceDataCtrlr.BytesPerMessage_GetVariables, size, payload)
    return [GetVariable(decode_address(item), _attribute_type(item)) for item in data]


def encode_get_variables(results: list[GetVariableResult]) -> Payload:
    """Return GetVariablesResponse."""
    encoded = []
    for result in results:
        item = _encode_result(result)
        if result.value is not None:
            item["attributeValue"] = result.value
        encoded.append(item)
    return {"getVariableResult": encoded}


def _encode_result(result: GetVariableResult | SetVariableResult) -> Payload:
    """Return what results of reading and of writing have in common."""
    item: Payload = {
        "attributeStatus": result.status.value,
        "component": encode_component(result.address.component),
        "variable": encode_variable(result.address.variable),
    }
    if result.attribute_type is not None:
        item["attributeType"] = result.attribute_type.value
    if result.status_info is not None:
        item["attributeStatusInfo"] = encode_status_info(result.status_info)
    return item


def _attribute_type(item: Payload) -> AttributeType | None:
    kind = item.get("attributeType")
    return None if kind is None else AttributeType(kind)


# Reports


def decode_get_base_report(payload: Payload) -> GetBaseReport:
    """Read GetBaseReportRequest."""
    return GetBaseReport(payload["requestId"], ReportBase(payload["reportBase"]))


def decode_get_report(device_model: DeviceModel, payload: Payload) -> GetReport:
    """Read GetReportRequest, unless it is larger than announced (B08.FR.17, FR.18)."""
    data = payload.get("componentVariable", [])
    _check_items(device_model, DeviceDataCtrlr.ItemsPerMessage_GetReport, len(data))
    size = _LARGEST_ADDRESS * (len(data) + 1)
    _check_bytes(device_model, DeviceDataCtrlr.BytesPerMessage_GetReport, size, payload)
    return GetReport(
        payload["requestId"],
        tuple(
            ReportTarget(
                decode_component(item["component"]),
                decode_variable(item["variable"]) if "variable" in item else None,
            )
            for item in data
        ),
        tuple(ComponentCriterion(each) for each in payload.get("componentCriteria", [])),
    )


def encode_report_response(response: ReportResponse) -> Payload:
    """Return GetBaseReportResponse and GetReportResponse."""
    return present(
        status=response.status.value, statusInfo=encode_status_info(response.status_info)
    )


def encode_notify_report(request: NotifyReport) -> Payload:
    """Return NotifyReportRequest."""
    return {
        "requestId": request.request_id,
        "generatedAt": timestamp(request.generated_at),
        "tbc": request.tbc,
        "seqNo": request.seq_no,
        "reportData": [_encode_report_data(data) for data in request.report_data],
    }


def _encode_report_data(data: ReportData) -> Payload:
    attributes = []
    for attribute in data.attributes:
        item: Payload = {"type": attribute.type.value, "mutability": attribute.mutability.value}
        if attribute.value is not None:
            item["value"] = attribute.value
        if attribute.persistent:
            item["persistent"] = True
        if attribute.constant:
            item["constant"] = True
        attributes.append(item)
    return {
        "component": encode_component(data.address.component),
        "variable": encode_variable(data.address.variable),
        "variableAttribute": attributes,
        "variableCharacteristics": encode_characteristics(data.characteristics),
    }


def encode_characteristics(shape: Characteristics) -> Payload:
    """Return VariableCharacteristicsType."""
    payload: Payload = {
        "dataType": shape.data_type.value,
        "supportsMonitoring": shape.supports_monitoring,
    }
    if shape.unit is not None:
        payload["unit"] = shape.unit
    if shape.min_limit is not None:
        payload["minLimit"] = shape.min_limit
    if shape.max_limit is not None:
        payload["maxLimit"] = shape.max_limit
    if shape.values_list:
        payload["valuesList"] = ",".join(shape.values_list)
    return payload


def decode_nothing(_payload: Payload) -> Nothing:
    """Read a response that says nothing."""
    return Nothing()


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    NotifyReport: Outgoing("NotifyReport", encode_notify_report, decode_nothing),
}


# Limits


def _check_items(device_model: DeviceModel, limit: ComponentVariable, items: int) -> None:
    most = device_model.integer(limit)
    if most and items > most:
        raise RpcError("OccurrenceConstraintViolation", f"{limit} is {most}, not {items}")


def _check_bytes(
    device_model: DeviceModel, limit: ComponentVariable, estimate: int, payload: Payload
) -> None:
    """Refuse a payload of more bytes than announced; one that cannot have them is not counted."""
    most = device_model.integer(limit)
    if most and estimate > most:
        size = len(json.dumps(payload, separators=(",", ":")))
        if size > most:
            raise RpcError("FormatViolation", f"{limit} is {most}, not {size}")
