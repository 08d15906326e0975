"""SecurityEventNotification in OCPP 2.1, which spells it as 2.0.1 does."""

from ocppd.csms.v201.security import REQUESTS, security_messages

__all__ = ["REQUESTS", "security_messages"]
