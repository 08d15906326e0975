"""OCPP for charging stations, as a D-Bus service."""

__version__ = "0.1.0"
