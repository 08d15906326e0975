"""NotifyEventRequest with one event of the station's own (HardWiredNotification)."""

from datetime import datetime

from ocppd.csms.payload import Payload, present, timestamp
from ocppd.model.events import EventNotification, EventTrigger
from ocppd.model.variables import Component

_LONGEST_CODE = 50
_LONGEST_INFO = 500


def notify_event(
    component: Component,
    variable: str,
    value: str,
    *,
    event_id: int,
    moment: datetime,
    trigger: EventTrigger,
    tech_code: str | None = None,
    tech_info: str | None = None,
    cleared: bool | None = None,
    severity: int | None = None,
) -> Payload:
    """Return NotifyEventRequest: a variable of a component has a value now.

    `severity` is told by 2.1 alone (N07.FR.21).
    """
    evse = component.evse
    event = present(
        eventId=event_id,
        timestamp=timestamp(moment),
        trigger=trigger.value,
        actualValue=value,
        eventNotificationType=EventNotification.HARD_WIRED_NOTIFICATION.value,
        techCode=tech_code[:_LONGEST_CODE] if tech_code else None,
        techInfo=tech_info[:_LONGEST_INFO] if tech_info else None,
        cleared=cleared,
        severity=severity,
        component=present(
            name=component.name,
            instance=component.instance,
            evse=present(id=evse.id, connectorId=evse.connector_id) if evse else None,
        ),
        variable={"name": variable},
    )
    return {"generatedAt": timestamp(moment), "seqNo": 0, "eventData": [event]}
