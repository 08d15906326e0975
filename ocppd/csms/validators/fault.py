"""What a validator says of a payload that does not fit its schema."""

# The rules of JSON schema, and the code of OCPP-J that says the same (part 4, 4.3).
_CODES = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}


class Fault(Exception):
    """A payload does not fit its schema; the text names the path and never a value."""

    def __init__(self, text: str, rule: str = "") -> None:
        super().__init__(text)
        self.rule = rule

    @property
    def text(self) -> str:
        """What is wrong, and where: `payload.connectorId must be integer`."""
        return str(self.args[0])

    @property
    def code(self) -> str:
        """The code of OCPP-J for it, as 2.x spells it."""
        return _CODES.get(self.rule, "PropertyConstraintViolation")
