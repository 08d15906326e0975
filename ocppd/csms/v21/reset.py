"""Reset in OCPP 2.1, which adds ImmediateAndResume to the words of 2.0.1 (B13)."""

from ocppd.csms.v201.reset import routes

__all__ = ["routes"]
