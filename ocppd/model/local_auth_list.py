"""The local authorization list (block D): whom the CSMS wants known at the station."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.tokens import IdToken, IdTokenInfo
from ocppd.model.variables import StatusInfo


class UpdateType(StrEnum):
    """UpdateEnumType."""

    DIFFERENTIAL = "Differential"
    FULL = "Full"


class SendLocalListStatus(StrEnum):
    """SendLocalListStatusEnumType, and what only 1.6 has."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"
    NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True)
class AuthorizationData:
    """One entry of an update; without information the token leaves the list (D01.FR.17)."""

    id_token: IdToken
    info: IdTokenInfo | None = None


@dataclass(frozen=True, slots=True)
class SendLocalList:
    """SendLocalListRequest; `size_bytes` is what its payload takes as JSON."""

    version: int
    update_type: UpdateType
    entries: tuple[AuthorizationData, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SendLocalListResult:
    """SendLocalListResponse."""

    status: SendLocalListStatus
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class LocalListConflict(CsmsRequest[Nothing]):
    """The CSMS said otherwise of a token than its list (1.6, 3.5.2); only 1.6 has a word for it."""

    timestamp: datetime
