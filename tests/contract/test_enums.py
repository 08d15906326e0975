"""The enumerations of the vocabulary against the official schemas."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import ocpp
import pytest

from ocppd.model.availability import ChangeAvailabilityStatus, ConnectorStatus, OperationalStatus
from ocppd.model.charging_schedules import ChargingRateUnit
from ocppd.model.data_transfer import DataTransferStatus
from ocppd.model.registration import BootReason, RegistrationStatus
from ocppd.model.remote_control import MessageTrigger, RequestStartStopStatus, ResetType
from ocppd.model.tokens import AuthorizationStatus, CertificateStatus, IdTokenType, MessageFormat
from ocppd.model.transactions import (
    ChargingState,
    ReadingContext,
    StoppedReason,
    TransactionEventType,
    TriggerReason,
)
from ocppd.model.variables import (
    AttributeType,
    DataType,
    GetVariableStatus,
    Mutability,
    SetVariableStatus,
)

SCHEMAS = Path(ocpp.__file__).parent / "v21" / "schemas"

# Enumeration of 2.1, ours, and what only ours has: the station's own words, and 1.6's.
TABLE: list[tuple[str, type[StrEnum], set[str]]] = [
    ("AttributeEnumType", AttributeType, set()),
    ("AuthorizationStatusEnumType", AuthorizationStatus, {"PinRequired", "Timeout"}),
    ("AuthorizeCertificateStatusEnumType", CertificateStatus, set()),
    ("BootReasonEnumType", BootReason, set()),
    ("ChangeAvailabilityStatusEnumType", ChangeAvailabilityStatus, set()),
    ("ChargingRateUnitEnumType", ChargingRateUnit, set()),
    ("ChargingStateEnumType", ChargingState, set()),
    ("ConnectorStatusEnumType", ConnectorStatus, set()),
    ("DataEnumType", DataType, set()),
    ("DataTransferStatusEnumType", DataTransferStatus, {"Offline"}),
    ("GetVariableStatusEnumType", GetVariableStatus, set()),
    ("MessageFormatEnumType", MessageFormat, set()),
    ("MessageTriggerEnumType", MessageTrigger, {"DiagnosticsStatusNotification"}),
    ("MutabilityEnumType", Mutability, set()),
    ("OperationalStatusEnumType", OperationalStatus, set()),
    ("ReadingContextEnumType", ReadingContext, set()),
    ("ReasonEnumType", StoppedReason, set()),
    ("RegistrationStatusEnumType", RegistrationStatus, set()),
    ("RequestStartStopStatusEnumType", RequestStartStopStatus, set()),
    ("ResetEnumType", ResetType, set()),
    ("SetVariableStatusEnumType", SetVariableStatus, set()),
    ("TransactionEventEnumType", TransactionEventType, set()),
    ("TriggerReasonEnumType", TriggerReason, set()),
]


def official() -> dict[str, set[str]]:
    """All enumerations of OCPP 2.1, by name."""
    found: dict[str, set[str]] = {}
    for path in SCHEMAS.glob("*.json"):
        definitions: dict[str, Any] = json.loads(path.read_text("utf-8-sig")).get("definitions", {})
        for name, definition in definitions.items():
            if "enum" in definition:
                found.setdefault(name, set()).update(definition["enum"])
    return found


@pytest.fixture(scope="module")
def schemas() -> dict[str, set[str]]:
    return official()


@pytest.mark.parametrize(("name", "ours", "beyond"), TABLE, ids=[row[0] for row in TABLE])
def test_spelled_as_on_the_wire(
    name: str, ours: type[StrEnum], beyond: set[str], schemas: dict[str, set[str]]
) -> None:
    assert {member.value for member in ours} == schemas[name] | beyond


def test_token_types_hold_those_that_2_0_1_closed_its_list_with() -> None:
    schema = json.loads(
        (SCHEMAS.parents[1] / "v201" / "schemas" / "AuthorizeRequest.json").read_text("utf-8-sig")
    )
    closed = set(schema["definitions"]["IdTokenEnumType"]["enum"])

    assert closed <= {member.value for member in IdTokenType}
