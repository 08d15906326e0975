"""Vendor-specific messages (block P)."""

from dataclasses import dataclass
from enum import StrEnum

from ocppd.model.requests import CsmsRequest


class DataTransferStatus(StrEnum):
    """DataTransferStatusEnumType, and Offline for the host."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE_ID = "UnknownMessageId"
    UNKNOWN_VENDOR_ID = "UnknownVendorId"
    OFFLINE = "Offline"


@dataclass(frozen=True, slots=True)
class CustomData:
    """CustomDataType: `data` is the JSON text of all members but vendorId."""

    vendor_id: str
    data: str


@dataclass(frozen=True, slots=True)
class DataTransferResponse:
    """DataTransferResponse; `data` as text: raw in 1.6, JSON in 2.x."""

    status: DataTransferStatus
    data: str | None = None
    custom_data: CustomData | None = None


@dataclass(frozen=True, slots=True)
class DataTransfer(CsmsRequest[DataTransferResponse]):
    """DataTransferRequest in either direction; `data` as text: raw in 1.6, JSON in 2.x."""

    vendor_id: str
    message_id: str | None = None
    data: str | None = None
    custom_data: CustomData | None = None
