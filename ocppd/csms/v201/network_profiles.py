"""Block B, Provisioning: SetNetworkProfile (B09), as OCPP 2.0.1 and 2.1 spell it."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.v201.status_info import encode_status_info
from ocppd.model.network_profiles import (
    Apn,
    NetworkConnectionProfile,
    SetNetworkProfile,
    SetNetworkProfileResult,
    Vpn,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALL of the CSMS for a connection profile."""
    return {
        "SetNetworkProfile": route(
            decode_set_network_profile,
            station.network_profiles.set_profile,
            encode_set_network_profile,
        )
    }


def decode_set_network_profile(payload: Payload) -> SetNetworkProfile:
    """Read SetNetworkProfileRequest; 2.0.1 knows neither identity nor password in it."""
    data = payload["connectionData"]
    return SetNetworkProfile(
        int(payload["configurationSlot"]),
        NetworkConnectionProfile(
            url=data["ocppCsmsUrl"],
            security_profile=int(data["securityProfile"]),
            message_timeout_s=int(data["messageTimeout"]),
            interface=data["ocppInterface"],
            transport=data["ocppTransport"],
            version=data.get("ocppVersion"),
            identity=data.get("identity"),
            basic_auth_password=data.get("basicAuthPassword"),
            apn=_apn(data["apn"]) if "apn" in data else None,
            vpn=_vpn(data["vpn"]) if "vpn" in data else None,
        ),
    )


def _apn(data: Payload) -> Apn:
    pin = data.get("simPin")
    return Apn(
        apn=data["apn"],
        authentication=data["apnAuthentication"],
        user_name=data.get("apnUserName"),
        password=data.get("apnPassword"),
        sim_pin=None if pin is None else str(int(pin)),
        preferred_network=data.get("preferredNetwork"),
        use_only_preferred_network=data.get("useOnlyPreferredNetwork"),
    )


def _vpn(data: Payload) -> Vpn:
    return Vpn(
        server=data["server"],
        type=data["type"],
        user=data["user"],
        group=data.get("group"),
        password=data["password"],
        key=data["key"],
    )


def encode_set_network_profile(result: SetNetworkProfileResult) -> Payload:
    """Return SetNetworkProfileResponse."""
    return present(status=result.status.value, statusInfo=encode_status_info(result.status_info))
