"""BootNotification and Heartbeat in OCPP 2.1, which spells them as 2.0.1 does."""

from ocppd.csms.v201.registration import REQUESTS

__all__ = ["REQUESTS"]
