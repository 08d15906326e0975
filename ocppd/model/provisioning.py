"""Reports of the device model (block B), and the configuration keys of OCPP 1.6."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.variables import (
    AttributeType,
    Characteristics,
    Component,
    ComponentVariable,
    Mutability,
    SetVariableStatus,
    StatusInfo,
    Variable,
)


class ReportBase(StrEnum):
    """ReportBaseEnumType."""

    CONFIGURATION_INVENTORY = "ConfigurationInventory"
    FULL_INVENTORY = "FullInventory"
    SUMMARY_INVENTORY = "SummaryInventory"


class ComponentCriterion(StrEnum):
    """ComponentCriterionEnumType."""

    ACTIVE = "Active"
    AVAILABLE = "Available"
    ENABLED = "Enabled"
    PROBLEM = "Problem"


class ReportStatus(StrEnum):
    """GenericDeviceModelStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"
    EMPTY_RESULT_SET = "EmptyResultSet"


@dataclass(frozen=True, slots=True)
class GetBaseReport:
    """GetBaseReportRequest."""

    request_id: int
    report_base: ReportBase


@dataclass(frozen=True, slots=True)
class ReportTarget:
    """What to report: a component and all its variables, or one of them."""

    component: Component
    variable: Variable | None = None


@dataclass(frozen=True, slots=True)
class GetReport:
    """GetReportRequest; criteria are joined by or, and narrow the targets if there are both."""

    request_id: int
    targets: tuple[ReportTarget, ...] = ()
    criteria: tuple[ComponentCriterion, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportResponse:
    """GetBaseReportResponse and GetReportResponse."""

    status: ReportStatus
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class ReportedAttribute:
    """VariableAttributeType; a WriteOnly one never has a value."""

    type: AttributeType
    mutability: Mutability
    value: str | None = field(default=None, repr=False)
    persistent: bool = False
    constant: bool = False


@dataclass(frozen=True, slots=True)
class ReportData:
    """ReportDataType."""

    address: ComponentVariable
    attributes: tuple[ReportedAttribute, ...]
    characteristics: Characteristics


@dataclass(frozen=True, slots=True)
class NotifyReport(CsmsRequest[Nothing]):
    """NotifyReportRequest: one page of a report; `tbc` says that more follow."""

    request_id: int
    generated_at: datetime
    seq_no: int
    tbc: bool
    report_data: tuple[ReportData, ...]


@dataclass(frozen=True, slots=True)
class ConfigurationKey:
    """KeyValue of OCPP 1.6: a configuration key; without value it is known but not set."""

    key: str
    read_only: bool
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeyRefusal:
    """Why a configuration key cannot be written."""

    status: SetVariableStatus
    status_info: StatusInfo | None = None
