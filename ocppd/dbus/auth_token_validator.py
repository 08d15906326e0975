"""Interface org.everest.Ocpp.AuthTokenValidator."""

from ocppd.dbus.exported import Interface, Signal, exported
from ocppd.dbus.marshalling import tokens
from ocppd.dbus.signatures import Dict
from ocppd.model.tokens import ValidationResult
from ocppd.station.authorization import Authorization


class AuthTokenValidatorInterface(Interface):
    """Whether a token may charge."""

    NAME = "org.everest.Ocpp.AuthTokenValidator"

    ValidateResultUpdate = Signal("a{sv}")

    def __init__(self, authorization: Authorization) -> None:
        super().__init__()
        self._authorization = authorization

    @exported
    async def ValidateToken(self, provided_token: Dict) -> Dict:
        """See dbus/org.everest.Ocpp.AuthTokenValidator.xml."""
        token = tokens.read_provided_id_token(provided_token)
        return tokens.validation_result(await self._authorization.validate_token(token))

    def validate_result_update(self, evse_id: int, result: ValidationResult) -> None:
        """Tell that the CSMS thinks otherwise of the token of a running transaction."""
        self.ValidateResultUpdate(tokens.validate_result_update(evse_id, result))
