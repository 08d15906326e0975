"""The network of a connection profile, as the host is asked for it and tells of it."""

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.marshalling.schema import (
    Reader,
    choice,
    dictionary,
    from_dict,
    integer,
    optional,
    required,
    text,
)
from ocppd.errors import InvalidArgument
from ocppd.model.network_profiles import (
    Apn,
    ConfigureNetwork,
    NetworkReport,
    NetworkResult,
    NetworkStatus,
    Vpn,
)

_ADDRESS = text(100)
_RESULT: Reader[NetworkResult] = dictionary(
    NetworkResult,
    required("status", choice(NetworkStatus)),
    optional("interface_address", _ADDRESS),
)
_REPORT: Reader[NetworkReport] = dictionary(
    NetworkReport,
    required("request_id", integer()),
    required("status", choice(NetworkStatus)),
    optional("interface_address", _ADDRESS),
)
_FINAL = (NetworkStatus.READY, NetworkStatus.FAILED)


def configure_network(request_id: int, request: ConfigureNetwork) -> dict[str, Variant]:
    """Write the argument of the agent's ConfigureNetwork."""
    return variants(
        {
            "request_id": request_id,
            "interface": request.interface,
            "apn": _apn(request.apn) if request.apn else None,
            "vpn": _vpn(request.vpn) if request.vpn else None,
        }
    )


def _apn(apn: Apn) -> dict[str, object]:
    return {
        "apn": apn.apn,
        "apn_user_name": apn.user_name,
        "apn_password": apn.password,
        "sim_pin": int(apn.sim_pin) if apn.sim_pin and apn.sim_pin.isdecimal() else None,
        "preferred_network": apn.preferred_network,
        "use_only_preferred_network": apn.use_only_preferred_network,
        "apn_authentication": apn.authentication,
    }


def _vpn(vpn: Vpn) -> dict[str, object]:
    return {
        "server": vpn.server,
        "type": vpn.type,
        "user": vpn.user,
        "group": vpn.group,
        "password": vpn.password,
        "key": vpn.key,
    }


def read_network_result(response: dict[str, Variant]) -> NetworkResult:
    """Read the agent's answer to ConfigureNetwork; raises InvalidArgument."""
    return from_dict("response", _RESULT, response)


def read_network_report(status: dict[str, Variant]) -> NetworkReport:
    """Read the argument of ReportConfigureNetworkStatus; raises InvalidArgument."""
    report = from_dict("status", _REPORT, status)
    if report.status not in _FINAL:
        raise InvalidArgument("status.status: only Ready and Failed end a request")
    return report
