"""What the station tells of its variables: events of monitors."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocppd.model.variables import ComponentVariable


class EventTrigger(StrEnum):
    """EventTriggerEnumType."""

    ALERTING = "Alerting"
    DELTA = "Delta"
    PERIODIC = "Periodic"


class EventNotification(StrEnum):
    """EventNotificationEnumType."""

    HARD_WIRED_NOTIFICATION = "HardWiredNotification"
    HARD_WIRED_MONITOR = "HardWiredMonitor"
    PRECONFIGURED_MONITOR = "PreconfiguredMonitor"
    CUSTOM_MONITOR = "CustomMonitor"


@dataclass(frozen=True, slots=True)
class EventData:
    """EventDataType: one event of one variable."""

    address: ComponentVariable
    event_id: int
    timestamp: datetime
    trigger: EventTrigger
    actual_value: str = field(repr=False)
    event_notification_type: EventNotification
    cause: int | None = None
    tech_code: str | None = None
    tech_info: str | None = None
    cleared: bool | None = None
    transaction_id: str | None = None
    variable_monitoring_id: int | None = None
