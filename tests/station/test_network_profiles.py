from dataclasses import replace

import pytest

from ocppd.errors import NetworkNotReady
from ocppd.model.network_profiles import (
    Apn,
    ConfigureNetwork,
    NetworkConnectionProfile,
    NetworkResult,
    NetworkStatus,
    SetNetworkProfile,
    Vpn,
)
from ocppd.model.registration import ConnectionStatus
from ocppd.station.slot_trials import OldPassword, SlotBefore, SlotTrials
from tests.station.provisioned import PASSWORD, Provisioned, address

PROFILE = NetworkConnectionProfile(
    url="wss://csms.example/new",
    security_profile=2,
    message_timeout_s=20,
    interface="Wired1",
    transport="JSON",
    version="OCPP20",
    identity="CS9",
    basic_auth_password="a new password!!",
)
APN = Apn(apn="m2m", authentication="PAP", user_name="u", password="secret of apn", sim_pin="1234")
VPN = Vpn(server="vpn.example", type="IKEv2", user="u", password="secret of vpn", key="k")


@pytest.fixture
def modern() -> Provisioned:
    return Provisioned(legacy=False)


def put(parts: Provisioned, slot: int = 2, **changes: object) -> tuple[str, str | None, str | None]:
    request = SetNetworkProfile(slot, replace(PROFILE, **changes))  # type: ignore[arg-type]
    answer = parts.network_profiles.set_profile(request)
    answer.then()
    info = answer.result.status_info
    return (
        answer.result.status.value,
        info.reason_code if info else None,
        info.additional_info if info else None,
    )


def slot_of(parts: Provisioned, slot: int, *names: str) -> list[str]:
    return [parts.value(f"NetworkConfiguration[{slot}].{name}") for name in names]


# Setting


@pytest.mark.requirement("B09.FR.01", "B09.FR.09", "B09.FR.11")
def test_a_profile_is_stored_whole_and_the_priority_is_left_alone(modern: Provisioned) -> None:
    assert put(modern) == ("Accepted", None, None)
    names = ("OcppCsmsUrl", "SecurityProfile", "MessageTimeout", "OcppInterface", "OcppTransport")
    assert slot_of(modern, 2, *names) == ["wss://csms.example/new", "2", "20", "Wired1", "JSON"]
    names = ("Identity", "BasicAuthPassword", "ApnEnabled", "VpnEnabled")
    assert slot_of(modern, 2, *names) == ["CS9", "a new password!!", "false", "false"]
    assert modern.value("OCPPCommCtrlr.NetworkConfigurationPriority") == "1"
    assert '"ReconfigurationOfSecurityParameters"' in modern.log[0]
    assert "a new password!!" not in str(modern.log)


@pytest.mark.requirement("B09.FR.02", "B09.FR.04", "B09.FR.05", "B09.FR.31")
@pytest.mark.parametrize(
    ("slot", "changes", "reason"),
    [
        (9, {}, "InvalidConfSlot"),
        (-1, {}, "InvalidConfSlot"),
        (0, {}, "InvalidConfSlot"),
        (2, {"url": "ws://csms.example"}, "InvalidNetworkConf"),
        (2, {"security_profile": 1}, "InvalidNetworkConf"),
        (2, {"url": "https://csms.example"}, "InvalidNetworkConf"),
        (2, {"url": ""}, "InvalidNetworkConf"),
        (2, {"url": "wss://"}, "InvalidNetworkConf"),
        (2, {"url": "wss://csms.example:70000"}, "InvalidNetworkConf"),
        (2, {"url": "wss://[::1"}, "InvalidNetworkConf"),
        (2, {"url": "wss://user:secret@csms.example"}, "InvalidNetworkConf"),
        (2, {"security_profile": 4}, "InvalidNetworkConf"),
        (2, {"security_profile": -1}, "InvalidNetworkConf"),
        (2, {"message_timeout_s": 0}, "InvalidNetworkConf"),
        (2, {"transport": "SOAP"}, "InvalidNetworkConf"),
        (2, {"interface": "Wired9"}, "InvalidNetworkConf"),
        (2, {"identity": "a:b"}, "InvalidNetworkConf"),
        (2, {"identity": "x" * 49}, "InvalidNetworkConf"),
        (2, {"identity": ""}, "InvalidNetworkConf"),
        (2, {"basic_auth_password": "fifteen letters"}, "InvalidNetworkConf"),
        (2, {"basic_auth_password": "x" * 65}, "InvalidNetworkConf"),
        (2, {"security_profile": 0, "url": "ws://csms.example"}, "NoSecurityDowngrade"),
    ],
)
def test_what_is_refused_changes_nothing(
    modern: Provisioned, slot: int, changes: dict[str, object], reason: str
) -> None:
    status, told, text = put(modern, slot, **changes)
    assert (status, told) == ("Rejected", reason)
    assert text
    assert "secret" not in text
    assert slot_of(modern, 2, "OcppCsmsUrl", "Identity") == ["", ""]
    assert modern.log == []


def test_without_a_password_of_its_own_a_slot_uses_the_station_s(modern: Provisioned) -> None:
    where = address("SecurityCtrlr.BasicAuthPassword")
    modern.model.set_actual(where, "")
    assert put(modern, basic_auth_password=None)[1] == "InvalidNetworkConf"
    modern.model.set_actual(where, PASSWORD)
    assert put(modern, basic_auth_password=None, identity=None)[0] == "Accepted"
    assert slot_of(modern, 2, "Identity", "BasicAuthPassword") == ["", ""]


@pytest.mark.requirement("B09.FR.12", "B09.FR.13")
def test_mobile_networks_are_the_host_s_to_set_up(modern: Provisioned) -> None:
    modern.world.agents.interfaces.discard("System")
    assert put(modern, apn=APN)[1] == "InvalidNetworkConf"
    modern.world.agents.interfaces.add("System")
    assert put(modern, apn=APN, vpn=VPN)[0] == "Accepted"
    assert slot_of(modern, 2, "ApnEnabled", "Apn", "SimPin", "VpnEnabled", "VpnServer") == [
        "true",
        "m2m",
        "1234",
        "true",
        "vpn.example",
    ]
    assert put(modern)[0] == "Accepted"
    assert slot_of(modern, 2, "ApnEnabled", "Apn", "ApnPassword", "VpnKey") == ["false", "", "", ""]


@pytest.mark.requirement("B09.FR.31")
@pytest.mark.parametrize(("profile", "accepted"), [(2, True), (1, False), (0, False)])
def test_down_from_3_to_2_if_that_is_allowed(
    modern: Provisioned, profile: int, accepted: bool
) -> None:
    modern.model.set_actual(address("SecurityCtrlr.SecurityProfile"), 3)
    modern.model.set_actual(address("SecurityCtrlr.AllowSecurityProfileDowngrade"), True)
    url = "wss://x" if profile == 2 else "ws://x"
    told = put(modern, security_profile=profile, url=url)
    assert told[:2] == (("Accepted", None) if accepted else ("Rejected", "NoSecurityDowngrade"))


# A slot in use, changed under its feet


def test_a_slot_in_use_is_as_before_when_it_does_not_work(modern: Provisioned) -> None:
    names = ("OcppCsmsUrl", "SecurityProfile", "Identity", "BasicAuthPassword")
    before = slot_of(modern, 1, *names)
    assert put(modern, 1)[0] == "Accepted"
    assert slot_of(modern, 1, *names) == ["wss://csms.example/new", "2", "CS9", "a new password!!"]
    assert put(modern, 1, url="wss://csms.example/newer")[0] == "Accepted"
    # After a power cut, too.
    modern.world.store = modern.world.store.reopened()
    restarted = SlotTrials(modern.world.outside, modern.model, modern.network_profiles._security)
    restarted.start()
    restarted.on_slot_failed(2, reached=True)
    assert slot_of(modern, 1, "OcppCsmsUrl") == ["wss://csms.example/newer"]
    restarted.on_slot_failed(1, reached=True)
    assert slot_of(modern, 1, *names) == before
    assert modern.world.store.reopened().load(SlotBefore) == {}
    restarted.on_slot_failed(1, reached=True)


def test_a_network_that_is_down_says_nothing_against_a_slot(modern: Provisioned) -> None:
    where = address("NetworkConfiguration[1].OcppInterface")
    modern.model.set_actual(where, PROFILE.interface)
    old = slot_of(modern, 1, "OcppCsmsUrl", "BasicAuthPassword")
    assert put(modern, 1, url=old[0], security_profile=1)[0] == "Accepted"
    trials = modern.provisioning.trials
    trials.on_slot_failed(1, reached=False)
    assert slot_of(modern, 1, "BasicAuthPassword") == ["a new password!!"]
    trials.on_slot_failed(1, reached=True)
    assert slot_of(modern, 1, "OcppCsmsUrl", "BasicAuthPassword") == old
    # A new address may be a wrong one.
    put(modern, 1)
    trials.on_slot_failed(1, reached=False)
    assert slot_of(modern, 1, "OcppCsmsUrl", "BasicAuthPassword") == old


def test_a_slot_in_use_that_works_is_kept(modern: Provisioned) -> None:
    put(modern, 1)
    modern.network_profiles.on_connected(status(1, 2))
    modern.provisioning.trials.on_slot_failed(1, reached=True)
    assert slot_of(modern, 1, "SecurityProfile") == ["2"]
    assert modern.world.store.reopened().load(SlotBefore) == {}


@pytest.mark.requirement("A01.FR.01")
def test_the_former_password_is_kept_until_the_new_one_has_worked(modern: Provisioned) -> None:
    trials = modern.provisioning.trials
    modern.set("SecurityCtrlr.BasicAuthPassword", "the new password", source="csms")
    assert trials.old_password(1) == PASSWORD
    assert trials.old_password(2) is None
    modern.set("SecurityCtrlr.BasicAuthPassword", "the newest one!!", source="csms")
    assert trials.old_password(1) == PASSWORD
    trials.on_password_worked(1, PASSWORD)
    assert trials.old_password(1) == PASSWORD
    assert PASSWORD not in repr(modern.world.store.reopened().load(OldPassword))
    trials.on_password_worked(1, "the newest one!!")
    assert trials.old_password(1) is None
    assert modern.world.store.reopened().load(OldPassword) == {}


# A connection proves a profile


def status(slot: int, profile: int) -> ConnectionStatus:
    return ConnectionStatus(True, security_profile=profile, configuration_slot=slot)


@pytest.mark.requirement("A05.FR.06")
def test_a_connection_raises_the_profile_and_retires_what_is_below(modern: Provisioned) -> None:
    put(modern, 2)
    put(modern, 3, security_profile=3)
    modern.model.set_actual(address("OCPPCommCtrlr.NetworkConfigurationPriority"), "2,1,3")
    modern.log.clear()
    modern.network_profiles.on_connected(status(2, 2))
    assert modern.value("SecurityCtrlr.SecurityProfile") == "2"
    assert modern.value("OCPPCommCtrlr.NetworkConfigurationPriority") == "2,3"
    names = ("OcppCsmsUrl", "Identity", "BasicAuthPassword")
    assert slot_of(modern, 1, *names) == ["", "", ""]
    assert slot_of(modern, 3, "OcppCsmsUrl") == ["wss://csms.example/new"]
    assert len(modern.log) == 1
    assert "security profile 1 to 2" in modern.log[0]
    modern.network_profiles.on_connected(status(2, 2))
    assert len(modern.log) == 1


# The network


async def test_without_an_agent_there_is_no_network_to_set_up(modern: Provisioned) -> None:
    modern.world.agents.interfaces.discard("System")
    assert await modern.network_profiles.configure_network(1) is None


@pytest.mark.parametrize(
    ("result", "address_"),
    [
        (NetworkResult(NetworkStatus.READY, "10.0.0.2"), "10.0.0.2"),
        (NetworkResult(NetworkStatus.READY), None),
        (NetworkResult(NetworkStatus.NOT_SUPPORTED), None),
    ],
)
async def test_the_agent_brings_up_the_network(
    modern: Provisioned, result: NetworkResult, address_: str | None
) -> None:
    modern.world.agents.network = result
    put(modern, 2, apn=APN, vpn=VPN)
    assert await modern.network_profiles.configure_network(2) == address_
    asked = ConfigureNetwork("Wired1", APN, VPN)
    assert modern.world.agents.of("configure_network") == [(asked,)]
    assert "secret" not in repr(asked)


@pytest.mark.parametrize("how", ["Failed", "Rejected", "error"])
async def test_a_network_that_is_not_there(modern: Provisioned, how: str) -> None:
    if how == "error":
        modern.world.agents.failing.add("configure_network")
    else:
        modern.world.agents.network = NetworkResult(NetworkStatus(how))
    with pytest.raises(NetworkNotReady, match="not ready"):
        await modern.network_profiles.configure_network(1)
