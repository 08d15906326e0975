"""Certificates for cars: a{sv} ↔ the model."""

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.marshalling.schema import Reader, choice, dictionary, from_dict, required, text
from ocppd.model.certificates import CertificateAction, EvCertificateResponse, GetEvCertificate

_REQUEST: Reader[GetEvCertificate] = dictionary(
    GetEvCertificate,
    required("exi_request", text(5600)),
    required("iso15118_schema_version", text(50), "schema_version"),
    required("certificate_action", choice(CertificateAction), "action"),
)


def read_certificate_request(request: dict[str, Variant]) -> GetEvCertificate:
    """Read what a car asks for; raises InvalidArgument."""
    return from_dict("request", _REQUEST, request)


def certificate_response(
    action: CertificateAction, response: EvCertificateResponse
) -> dict[str, Variant]:
    """Return what the agent is told; what is empty is left out."""
    told: dict[str, object] = {
        "status": "Accepted" if response.accepted else "Failed",
        "certificate_action": action.value,
    }
    if response.exi_response:
        told["exi_response"] = response.exi_response
    return variants(told)
