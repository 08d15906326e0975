"""Interface org.everest.Ocpp.AuthTokenProvider."""

from ocppd.dbus.exported import Interface, Signal


class AuthTokenProviderInterface(Interface):
    """Tokens that came from the CSMS."""

    NAME = "org.everest.Ocpp.AuthTokenProvider"

    ProvidedToken = Signal("a{sv}")
