"""Errors of the daemon, by what the caller can do about them."""


class OcppdError(Exception):
    """A failure that a D-Bus caller is told about as `org.everest.Ocpp.Error.<class name>`."""


class InvalidArgument(OcppdError):
    """An argument is not as documented; the text names the path to the mistake."""


class UnknownEvse(OcppdError):
    """No EVSE of the configured topology has this id."""


class UnknownSession(OcppdError):
    """No session with this uuid is known at the EVSE."""


class AccessDenied(OcppdError):
    """The caller is not in the group that this member asks for."""


class NotReady(OcppdError):
    """The daemon cannot do this yet, or not in its present state."""


class StorageFailure(OcppdError):
    """What was asked is not on disk, because the disk is full or broken."""


class NotSupported(OcppdError):
    """A documented member whose behaviour this release does not have.

    It goes out as `org.freedesktop.DBus.Error.NotSupported`.
    """


class CsmsError(OcppdError):
    """A request to the CSMS had no usable answer."""


class Offline(CsmsError):
    """There is no connection to the CSMS, or it may not carry this request now."""


class NoAnswer(CsmsError):
    """The CSMS did not answer within its time limit, or the connection ended first."""


class Refused(CsmsError):
    """The CSMS answered with a CALLERROR, or with an answer that breaks its schema."""

    def __init__(self, code: str, description: str = "") -> None:
        """Keep the code of the CALLERROR and its description."""
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


class NotSpoken(CsmsError):
    """The OCPP version of the present connection has no word for this request."""


class AgentRefused(OcppdError):
    """The host's agent is absent, failed, took too long, or has no such method."""


class NetworkNotReady(OcppdError):
    """The network of a connection profile cannot be had now; the text says why."""
