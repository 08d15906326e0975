"""Block F as OCPP 2.1 spells it: as 2.0.1, with words that the station knows in any case."""

from ocppd.csms.v201.remote_control import routes

__all__ = ["routes"]
