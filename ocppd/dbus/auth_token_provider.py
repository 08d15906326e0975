"""Interface org.everest.Ocpp.AuthTokenProvider."""

from ocppd.dbus.exported import Interface, Signal
from ocppd.dbus.marshalling.tokens import provided_id_token
from ocppd.model.tokens import ProvidedIdToken


class AuthTokenProviderInterface(Interface):
    """Tokens that came from the CSMS."""

    NAME = "org.everest.Ocpp.AuthTokenProvider"

    ProvidedToken = Signal("a{sv}")

    def provide_token(self, token: ProvidedIdToken) -> None:
        """Offer a token that came from the CSMS, as if presented at the reader."""
        self.ProvidedToken(provided_id_token(token))
