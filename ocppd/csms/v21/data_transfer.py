"""Block P as OCPP 2.1 spells it: as 2.0.1."""

from ocppd.csms.v201.data_transfer import REQUESTS, routes

__all__ = ["REQUESTS", "routes"]
