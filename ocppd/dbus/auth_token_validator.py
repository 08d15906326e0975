"""Interface org.everest.Ocpp.AuthTokenValidator."""

from ocppd.dbus.exported import Interface, Signal, exported
from ocppd.dbus.marshalling import tokens
from ocppd.dbus.signatures import Dict
from ocppd.station.authorization import Authorization


class AuthTokenValidatorInterface(Interface):
    """Whether a token may charge."""

    NAME = "org.everest.Ocpp.AuthTokenValidator"

    ValidateResultUpdate = Signal("a{sv}")

    def __init__(self, authorization: Authorization) -> None:
        super().__init__()
        self._authorization = authorization

    @exported(durable=False)
    async def ValidateToken(self, provided_token: Dict) -> Dict:
        """See dbus/org.everest.Ocpp.AuthTokenValidator.xml."""
        token = tokens.read_provided_id_token(provided_token)
        return tokens.validation_result(await self._authorization.validate_token(token))
