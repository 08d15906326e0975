from datetime import timedelta

import pytest

from ocppd.model.certificates import OwnCertificate, SigningUse
from ocppd.model.variables import GetVariableStatus, SetVariable, SetVariableStatus
from tests.fakes import START
from tests.station.provisioned import Provisioned, address


@pytest.fixture
def modern() -> Provisioned:
    return Provisioned(legacy=False)


@pytest.fixture
def legacy() -> Provisioned:
    return Provisioned(legacy=True)


@pytest.fixture(params=[False, True], ids=["2.x", "1.6"])
def either(request: pytest.FixtureRequest) -> Provisioned:
    return Provisioned(legacy=request.param)


OWN = OwnCertificate(SigningUse.CHARGING_STATION, START, START + timedelta(days=365), proven=True)


class TestConnectionSettings:
    @pytest.mark.requirement("B09.FR.22")
    @pytest.mark.parametrize("variable", ["OcppCsmsUrl", "SecurityProfile", "MessageTimeout"])
    @pytest.mark.parametrize("source", ["hmi", "csms"])
    def test_a_slot_in_use_is_protected(
        self, either: Provisioned, variable: str, source: str
    ) -> None:
        where = f"NetworkConfiguration[1].{variable}"
        result = either.set(where, either.value(where), source=source)
        assert result.status is SetVariableStatus.REJECTED
        assert result.status_info is not None
        assert result.status_info.reason_code == "PriorityNetworkConf"

    def test_so_is_the_active_one_when_it_left_the_priority(self, modern: Provisioned) -> None:
        complete(modern, 2)
        assert modern.set("OCPPCommCtrlr.NetworkConfigurationPriority", "2").status == "Accepted"
        result = modern.set("NetworkConfiguration[1].MessageTimeout", "5")
        assert result.status_info is not None
        assert result.status_info.reason_code == "PriorityNetworkConf"

    @pytest.mark.requirement("B09.FR.25")
    @pytest.mark.parametrize(
        ("batch", "reason"),
        [
            ([("SecurityProfile", "0")], "NoSecurityDowngrade"),
            ([("OcppCsmsUrl", "wss://x")], "InvalidNetworkConf"),
            ([("OcppCsmsUrl", "http://x")], "InvalidNetworkConf"),
            ([("OcppCsmsUrl", "ws://x"), ("SecurityProfile", "2")], "InvalidNetworkConf"),
            ([("OcppCsmsUrl", "wss://x"), ("SecurityProfile", "1")], "InvalidNetworkConf"),
            ([("Identity", "CS:1")], "InvalidNetworkConf"),
            ([("OcppCsmsUrl", "ws://x"), ("SecurityProfile", "1")], None),
            ([("OcppCsmsUrl", "wss://x"), ("SecurityProfile", "2")], None),
            ([("SecurityProfile", "3"), ("OcppCsmsUrl", "WSS://x")], None),
            # What is not valid by itself does not make the rest valid.
            ([("OcppCsmsUrl", "wss://x"), ("SecurityProfile", "9")], "InvalidNetworkConf"),
        ],
    )
    def test_a_slot_must_make_sense_when_the_batch_is_done(
        self, modern: Provisioned, batch: list[tuple[str, str]], reason: str | None
    ) -> None:
        items = [
            SetVariable(address(f"NetworkConfiguration[2].{name}"), value) for name, value in batch
        ]
        results = modern.provisioning.set_variables(items, "csms").result
        infos = [result.status_info.reason_code for result in results if result.status_info]
        assert reason in infos if reason else infos == []

    @pytest.mark.requirement("B10.FR.01", "B10.FR.02", "B09.FR.20")
    @pytest.mark.parametrize(
        ("value", "status", "reason"),
        [
            ("2,1", "Accepted", None),
            ("2", "Accepted", None),
            ("1", "Accepted", None),
            ("3", "Rejected", "InvalidNetworkConf"),
            ("1,3", "Rejected", "InvalidNetworkConf"),
            ("1,1", "Rejected", "InvalidNetworkConf"),
            ("", "Rejected", "InvalidNetworkConf"),
            ("4", "Rejected", "InvalidValue"),
            ("x", "Rejected", "InvalidValue"),
        ],
    )
    def test_the_priority_names_complete_slots(
        self, modern: Provisioned, value: str, status: str, reason: str | None
    ) -> None:
        complete(modern, 2)
        result = modern.set("OCPPCommCtrlr.NetworkConfigurationPriority", value, source="csms")
        assert result.status == status
        assert (result.status_info.reason_code if result.status_info else None) == reason

    @pytest.mark.requirement("A05.FR.02")
    @pytest.mark.parametrize("allowed", [True, False])
    def test_the_priority_goes_no_lower_in_security(
        self, modern: Provisioned, allowed: bool
    ) -> None:
        complete(modern, 2)
        modern.model.set_actual(address("NetworkConfiguration[2].SecurityProfile"), 2)
        modern.model.set_actual(address("NetworkConfiguration[2].OcppCsmsUrl"), "wss://x")
        modern.model.set_actual(address("SecurityCtrlr.SecurityProfile"), 3)
        modern.model.set_actual(address("SecurityCtrlr.AllowSecurityProfileDowngrade"), allowed)
        result = modern.set("OCPPCommCtrlr.NetworkConfigurationPriority", "2")
        assert result.status == ("Accepted" if allowed else "Rejected")

    @pytest.mark.requirement("B09.FR.26", "B09.FR.27", "A01.FR.11", "A01.FR.12")
    @pytest.mark.parametrize(
        ("name", "value"), [("Identity", "CS7"), ("BasicAuthPassword", "a new password!!")]
    )
    def test_the_station_s_own_credentials_outweigh_those_of_the_slot_in_use(
        self, modern: Provisioned, name: str, value: str
    ) -> None:
        modern.model.set_actual(address(f"NetworkConfiguration[2].{name}"), "of another CSMS")
        source = "hmi" if name == "Identity" else "csms"
        assert modern.set(f"SecurityCtrlr.{name}", value, source=source).status == "Accepted"
        assert modern.value(f"NetworkConfiguration[1].{name}") == ""
        assert modern.value(f"NetworkConfiguration[2].{name}") == "of another CSMS"
        assert modern.world.csms.log == ["reconnect: the credentials were changed"]
        assert '"ReconfigurationOfSecurityParameters"' in modern.log[0]
        assert value not in str(modern.log)

    @pytest.mark.requirement("B09.FR.28")
    def test_they_stay_with_the_slot_when_another_is_used(self, modern: Provisioned) -> None:
        complete(modern, 2)
        modern.set("SecurityCtrlr.BasicAuthPassword", "a new password!!", source="csms")
        modern.model.set_actual(address("OCPPCommCtrlr.ActiveNetworkProfile"), 2)
        assert modern.value("NetworkConfiguration[1].BasicAuthPassword") == "a new password!!"
        assert modern.value("SecurityCtrlr.Identity") == "CS2"

    @pytest.mark.requirement("A05.FR.02", "A05.FR.03", "A05.FR.04")
    def test_a_more_secure_slot_needs_its_certificates(self, modern: Provisioned) -> None:
        complete(modern, 2)
        modern.model.set_actual(address("NetworkConfiguration[2].OcppCsmsUrl"), "wss://x")
        certificates = modern.world.certificates

        def result(profile: int) -> tuple[str, str | None]:
            modern.model.set_actual(address("NetworkConfiguration[2].SecurityProfile"), profile)
            where = "OCPPCommCtrlr.NetworkConfigurationPriority"
            told = modern.set(where, "2,1", source="csms")
            modern.model.set_actual(address(where), "1")
            return told.status, told.status_info.additional_info if told.status_info else None

        assert result(2) == ("Rejected", "no CSMS root certificate is installed")
        certificates.root = True
        assert result(2) == ("Accepted", None)
        assert result(3) == ("Rejected", "no valid station certificate is installed")
        certificates.station[SigningUse.CHARGING_STATION] = OWN
        assert result(3) == ("Accepted", None)

    def test_credentials_of_other_slots_change_nothing_now(self, modern: Provisioned) -> None:
        modern.set("NetworkConfiguration[2].BasicAuthPassword", "a new password!!")
        assert modern.world.csms.log == []

    def test_reconnecting_waits_for_the_answer(self, modern: Provisioned) -> None:
        item = SetVariable(address("SecurityCtrlr.BasicAuthPassword"), "a new password!!")
        answer = modern.provisioning.set_variables([item], "csms")
        assert modern.world.csms.log == []
        answer.then()
        assert modern.world.csms.log != []


class TestKeysOfTheConnection:
    def test_they_are_those_of_the_slot_in_use(self, legacy: Provisioned) -> None:
        assert legacy.get(".CentralSystemURI").value == "ws://csms.example/ocpp"
        assert legacy.get(".ChargePointId").value == "CS1"
        assert legacy.get(".SecurityProfile").value == "1"
        legacy.model.set_actual(address("NetworkConfiguration[2].OcppCsmsUrl"), "wss://other")
        legacy.model.set_actual(address("OCPPCommCtrlr.ActiveNetworkProfile"), 2)
        assert legacy.get(".CentralSystemURI").value == "wss://other"

    @pytest.mark.parametrize("source", ["csms", "hmi"])
    def test_a_new_authorization_key(self, legacy: Provisioned, source: str) -> None:
        assert legacy.set(".AuthorizationKey", "short", source=source).status == "Rejected"
        assert legacy.world.csms.log == []
        result = legacy.set(".AuthorizationKey", "FEDCBA9876543210", source=source)
        assert result.status is SetVariableStatus.ACCEPTED
        assert legacy.value("NetworkConfiguration[1].BasicAuthPassword") == "FEDCBA9876543210"
        assert legacy.world.csms.log == ["reconnect: the credentials were changed"]
        assert legacy.get(".AuthorizationKey").status is GetVariableStatus.UNKNOWN_VARIABLE

    @pytest.mark.requirement("A05.FR.01", "A05.FR.03", "A05.FR.04", "A05.FR.05")
    def test_a_higher_security_profile(self, legacy: Provisioned) -> None:
        certificates = legacy.world.certificates
        for value in ("0", "1", "2", "3", "4"):
            assert legacy.set(".SecurityProfile", value).status is SetVariableStatus.REJECTED
        certificates.root = True
        assert legacy.set(".SecurityProfile", "3").status is SetVariableStatus.REJECTED
        assert legacy.value("NetworkConfiguration[1].SecurityProfile") == "1"
        assert legacy.world.csms.log == []
        assert legacy.set(".SecurityProfile", "2").status is SetVariableStatus.ACCEPTED
        assert legacy.value("NetworkConfiguration[1].SecurityProfile") == "2"
        assert legacy.value("NetworkConfiguration[1].OcppCsmsUrl") == "wss://csms.example/ocpp"
        assert legacy.world.csms.log == ["reconnect: the credentials were changed"]
        certificates.station[SigningUse.CHARGING_STATION] = OWN
        assert legacy.set(".SecurityProfile", "2").status is SetVariableStatus.REJECTED
        assert legacy.set(".SecurityProfile", "3").status is SetVariableStatus.ACCEPTED

    @pytest.mark.requirement("A05.FR.02")
    def test_basic_authentication_needs_a_key_first(self, legacy: Provisioned) -> None:
        legacy.world.certificates.root = True
        legacy.world.certificates.station[SigningUse.CHARGING_STATION] = OWN
        for where in ("NetworkConfiguration[1]", "SecurityCtrlr"):
            legacy.model.set_actual(address(f"{where}.BasicAuthPassword"), "")
        assert legacy.set(".SecurityProfile", "2").status is SetVariableStatus.REJECTED
        assert legacy.set(".SecurityProfile", "3").status is SetVariableStatus.ACCEPTED

    @pytest.mark.requirement("A05.FR.08")
    def test_a_security_profile_that_does_not_work_is_given_up_after_a_while(
        self, legacy: Provisioned
    ) -> None:
        legacy.world.certificates.root = True
        legacy.set("OCPP16LegacyCtrlr.SwitchSecurityProfileConnectionTimeout", "30")
        assert legacy.set(".SecurityProfile", "2").status is SetVariableStatus.ACCEPTED
        legacy.world.clock.advance(29)
        assert legacy.get(".SecurityProfile").value == "2"
        legacy.world.clock.advance(1)
        assert legacy.get(".SecurityProfile").value == "1"
        assert legacy.get(".CentralSystemURI").value == "ws://csms.example/ocpp"
        assert legacy.world.csms.log[1:] == [
            "reconnect: falling back to the former security profile"
        ]
        legacy.world.clock.advance(100)
        assert len(legacy.world.csms.log) == 2

    def test_one_that_works_is_kept(self, legacy: Provisioned) -> None:
        legacy.world.certificates.root = True
        legacy.set(".SecurityProfile", "2")
        legacy.provisioning.trials.on_connected(1)
        legacy.world.clock.advance(100)
        assert legacy.get(".SecurityProfile").value == "2"


def complete(parts: Provisioned, slot: int) -> None:
    for name, value in {"OcppCsmsUrl": "ws://csms.example/2", "Identity": "CS2"}.items():
        parts.model.set_actual(address(f"NetworkConfiguration[{slot}].{name}"), value)
