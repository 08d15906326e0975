"""The tables of get_variables and set_variables, row by row, in both generations."""

import logging
from datetime import datetime

import pytest

from ocppd.device_model.names import InternalCtrlr, OCPP16LegacyCtrlr, TxCtrlr
from ocppd.model.variables import (
    AttributeType,
    GetVariable,
    GetVariableStatus,
    SetVariable,
    SetVariableStatus,
)
from tests.fakes import START
from tests.station.provisioned import PASSWORD, Provisioned, address

ACTUAL, TARGET, MIN_SET, MAX_SET = AttributeType


@pytest.fixture
def legacy() -> Provisioned:
    return Provisioned(legacy=True)


@pytest.fixture
def modern() -> Provisioned:
    return Provisioned(legacy=False)


@pytest.fixture(params=[True, False], ids=["1.6", "2.x"])
def either(request: pytest.FixtureRequest) -> Provisioned:
    return Provisioned(legacy=request.param)


class TestGetInBoth:
    @pytest.mark.parametrize(
        ("where", "value"),
        [
            ("OCPPCommCtrlr.HeartbeatInterval", "1800"),
            ("ocppcommctrlr.HEARTBEATINTERVAL", "1800"),
            ("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", "5"),
            ("NetworkConfiguration[1].OcppCsmsUrl", "ws://csms.example/ocpp"),
            ("SecurityCtrlr.Identity", "CS1"),
            ("Connector.ConnectorType@2.1", "cCCS2"),
            ("EVSE.AvailabilityState@1", "Unavailable"),
            ("SmartChargingCtrlr.RateUnit", "A,W"),
            ("OCPP16LegacyCtrlr.NumberOfConnectors", "3"),
        ],
    )
    def test_canonical_addresses(self, either: Provisioned, where: str, value: str) -> None:
        result = either.get(where)
        assert (result.status, result.value) == (GetVariableStatus.ACCEPTED, value)
        assert (result.address, result.attribute_type) == (address(where), ACTUAL)

    @pytest.mark.parametrize(
        ("where", "kind", "status"),
        [
            ("Nope.Interval", None, "UnknownComponent"),
            ("EVSE.Power@3", None, "UnknownComponent"),
            ("EVSE.Power", None, "UnknownComponent"),
            ("AuthCtrlr.Nope", None, "UnknownVariable"),
            ("AuthCtrlr.HeartbeatInterval", None, "UnknownVariable"),
            ("OCPPCommCtrlr.MessageAttempts", None, "UnknownVariable"),
            ("AuthCtrlr.Enabled", TARGET, "NotSupportedAttributeType"),
            ("OCPPCommCtrlr.HeartbeatInterval", MAX_SET, "NotSupportedAttributeType"),
            # An attribute without value is as good as none.
            ("AuthCtrlr.MasterPassGroupId", None, "NotSupportedAttributeType"),
            ("EVSE.Power@1", MAX_SET, "NotSupportedAttributeType"),
            ("NetworkConfiguration[1].BasicAuthPassword", None, "Rejected"),
            ("SecurityCtrlr.BasicAuthPassword", None, "Rejected"),
        ],
    )
    def test_what_is_not_there(
        self, either: Provisioned, where: str, kind: AttributeType | None, status: str
    ) -> None:
        result = either.get(where, kind)
        assert (result.status, result.value) == (status, None)
        assert result.address == address(where)

    def test_a_component_is_never_taken_for_a_key(self, either: Provisioned) -> None:
        assert either.get("AuthCtrlr.LocalAuthListEnabled").status == "UnknownVariable"

    def test_the_clock_is_read_when_asked(self, either: Provisioned) -> None:
        either.world.clock.advance(5)
        value = either.get("ClockCtrlr.DateTime").value
        assert value is not None
        assert (datetime.fromisoformat(value) - START).total_seconds() == 5

    def test_order_and_length_with_duplicates_and_all_kinds_of_failure(
        self, either: Provisioned
    ) -> None:
        items = [
            GetVariable(address(where), kind)
            for where in ("AuthCtrlr.Enabled", "Nope.Nope", "", ".HeartbeatInterval")
            for kind in (None, ACTUAL, TARGET)
        ] * 100
        results = either.provisioning.get_variables(items, "hmi").result
        assert len(results) == len(items) == 1200
        for item, result in zip(items, results, strict=True):
            assert result.address.variable.name == item.address.variable.name
            assert result.address.component == item.address.component
        assert [result.status for result in results[:12]] == [
            result.status for result in results[12:24]
        ]


class TestGetIn2:
    @pytest.mark.parametrize("source", ["hmi", "csms"])
    def test_an_empty_component_is_unknown(
        self, modern: Provisioned, source: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        result = modern.get(".HeartbeatInterval", source=source)
        assert result.status is GetVariableStatus.UNKNOWN_COMPONENT
        assert ("OCPP 2.x has no keys" in caplog.text) == (source == "hmi")

    @pytest.mark.requirement("B06.FR.13")
    def test_the_csms_gets_an_empty_text_for_no_value(self, modern: Provisioned) -> None:
        result = modern.get("AuthCtrlr.MasterPassGroupId", source="csms")
        assert (result.status, result.value) == (GetVariableStatus.ACCEPTED, "")

    @pytest.mark.requirement("B09.FR.28")
    def test_the_identity_is_the_one_of_the_slot_in_use(self, modern: Provisioned) -> None:
        modern.model.set_actual(address("NetworkConfiguration[2].Identity"), "CS2")
        modern.model.set_actual(address("NetworkConfiguration[2].BasicAuthPassword"), "x" * 16)
        modern.model.set_actual(address("OCPPCommCtrlr.ActiveNetworkProfile"), 2)
        assert modern.get("SecurityCtrlr.Identity").value == "CS2"
        assert modern.value("SecurityCtrlr.BasicAuthPassword") == "x" * 16


class TestGetIn16:
    @pytest.mark.parametrize("kind", [None, ACTUAL, TARGET, MIN_SET, MAX_SET])
    def test_a_key(self, legacy: Provisioned, kind: AttributeType | None) -> None:
        """The attribute type is ignored; the result names nothing but the key."""
        item = address("[x].HeartbeatInterval[y]@1")
        [result] = legacy.provisioning.get_variables([GetVariable(item, kind)], "hmi").result
        assert (result.status, result.value) == (GetVariableStatus.ACCEPTED, "1800")
        assert result.address == address(".HeartbeatInterval")
        assert result.attribute_type is ACTUAL

    def test_a_warning_once_per_key_names_the_variable(
        self, legacy: Provisioned, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            legacy.get(".HeartbeatInterval")
            legacy.get(".HeartbeatInterval", source="csms")
        assert [record.getMessage() for record in caplog.records] == [
            "The key HeartbeatInterval is addressed as OCPPCommCtrlr.HeartbeatInterval"
            " in all versions of OCPP"
        ]
        assert caplog.records[0].levelno == logging.WARNING

    @pytest.mark.parametrize("key", ["Nope", "AuthorizationKey", "", "BasicAuthPassword"])
    def test_an_unknown_or_hidden_key(self, legacy: Provisioned, key: str) -> None:
        result = legacy.get("." + key)
        assert (result.status, result.value) == (GetVariableStatus.UNKNOWN_VARIABLE, None)

    def test_keys_in_any_case(self, legacy: Provisioned) -> None:
        assert legacy.get(".heartbeatINTERVAL").value == "1800"

    def test_a_key_without_value(self, legacy: Provisioned) -> None:
        result = legacy.get(".BlinkRepeat")
        assert (result.status, result.value) == (GetVariableStatus.ACCEPTED, None)

    def test_a_key_asked_for_twice_is_answered_twice(self, legacy: Provisioned) -> None:
        items = [GetVariable(address(".HeartbeatInterval"))] * 3
        results = legacy.provisioning.get_variables(items, "hmi").result
        assert [result.value for result in results] == ["1800"] * 3

    def test_keys_of_a_profile_that_is_missing_are_unknown(self, legacy: Provisioned) -> None:
        legacy.model.set_actual(address("LocalAuthListCtrlr.Available"), False)
        assert legacy.get(".LocalAuthListEnabled").status == "UnknownVariable"
        assert legacy.get("LocalAuthListCtrlr.Enabled").status == "UnknownVariable"
        assert legacy.set("LocalAuthListCtrlr.Enabled", "true").status == "UnknownVariable"

    def test_a_variable_behind_a_key_without_value(self, legacy: Provisioned) -> None:
        result = legacy.get("OCPP16LegacyCtrlr.BlinkRepeat")
        assert result.status is GetVariableStatus.UNKNOWN_VARIABLE
        assert result.address == address("OCPP16LegacyCtrlr.BlinkRepeat")

    def test_an_ambiguous_variable(self) -> None:
        where = address("TxCtrlr.EVConnectionTimeOut")
        legacy = Provisioned(legacy=True, custom={"MyTimeOut": where})
        assert legacy.get("TxCtrlr.EVConnectionTimeOut").status is GetVariableStatus.REJECTED
        assert legacy.set("TxCtrlr.EVConnectionTimeOut", "5").status is SetVariableStatus.REJECTED
        assert legacy.get(".MyTimeOut").value == legacy.get(".ConnectionTimeOut").value == "120"
        assert legacy.set(".MyTimeOut", "30").status is SetVariableStatus.ACCEPTED
        assert legacy.model.integer(TxCtrlr.EVConnectionTimeOut) == 30

    def test_a_key_of_the_station(self) -> None:
        legacy = Provisioned(legacy=True, custom={"Light": address("ChargingStation.Model")})
        legacy.model.set_actual(address("ChargingStation.Model"), "M1")
        assert legacy.get(".light").value == "M1"


class TestSetInBoth:
    def test_a_value_is_stored_with_its_source(self, either: Provisioned) -> None:
        where = address("OCPPCommCtrlr.HeartbeatInterval")
        assert either.set("OCPPCommCtrlr.HeartbeatInterval", "60").status == "Accepted"
        assert either.world.store.attributes[where, ACTUAL] == ("60", "hmi")

    @pytest.mark.requirement("B05.FR.04", "B05.FR.05", "B05.FR.06", "B05.FR.07", "B05.FR.08")
    @pytest.mark.parametrize("source", ["hmi", "csms"])
    @pytest.mark.parametrize(
        ("where", "value", "kind", "status"),
        [
            ("Nope.X", "1", None, "UnknownComponent"),
            ("AuthCtrlr.X", "1", None, "UnknownVariable"),
            ("OCPPCommCtrlr.HeartbeatInterval", "60", TARGET, "NotSupportedAttributeType"),
            ("OCPPCommCtrlr.HeartbeatInterval", "x", None, "Rejected"),
            ("OCPPCommCtrlr.HeartbeatInterval", "0", None, "Rejected"),
            ("AuthCtrlr.Enabled", "True", None, "Rejected"),
            ("AuthCacheCtrlr.Policy", "NOPE", None, "Rejected"),
            ("SampledDataCtrlr.TxUpdatedMeasurands", "Voltage,Nope", None, "Rejected"),
            ("AuthCtrlr.MasterPassGroupId", "x" * 37, None, "Rejected"),
            ("OCPP16LegacyCtrlr.DefaultPrice", '"' + "x" * 2500 + '"', None, "Rejected"),
            ("ClockCtrlr.NextTimeOffsetTransitionDateTime", "soon", None, "Rejected"),
            ("ClockCtrlr.TimeOffset", "one hour", None, "Rejected"),
        ],
    )
    def test_refusals(
        self,
        either: Provisioned,
        where: str,
        value: str,
        kind: AttributeType | None,
        status: str,
        source: str,
    ) -> None:
        result = either.set(where, value, kind, source)
        assert result.status == status
        assert result.address == address(where)
        assert either.world.store.units == []

    @pytest.mark.parametrize(
        "where",
        [
            "AlignedDataCtrlr.Interval",
            "AlignedDataCtrlr.TxEndedInterval",
            "SampledDataCtrlr.TxUpdatedInterval",
            "SampledDataCtrlr.TxEndedInterval",
        ],
    )
    def test_zero_switches_intervals_off(self, either: Provisioned, where: str) -> None:
        assert either.set(where, "0").status is SetVariableStatus.ACCEPTED

    @pytest.mark.requirement("B05.FR.09")
    def test_read_only_is_written_by_the_host_but_not_by_the_csms(
        self, either: Provisioned
    ) -> None:
        where = "ChargingStation.SerialNumber"
        assert either.set(where, "SN1", source="csms").status is SetVariableStatus.REJECTED
        assert either.set(where, "SN1", source="service").status is SetVariableStatus.ACCEPTED
        assert either.value(where) == "SN1"

    @pytest.mark.requirement("B05.FR.01", "B05.FR.02", "B05.FR.13")
    def test_order_and_length_whatever_is_wrong(self, either: Provisioned) -> None:
        values = ["60", "x", "61", "y" * 3000, "62"]
        items = [SetVariable(address("OCPPCommCtrlr.HeartbeatInterval"), v) for v in values] * 200
        items[7] = SetVariable(address("OCPPCommCtrlr.HeartbeatInterval"), "9", TARGET)
        results = either.provisioning.set_variables(items, "hmi").result
        assert len(results) == 1000
        good, bad = SetVariableStatus.ACCEPTED, SetVariableStatus.REJECTED
        assert [result.status for result in results[:5]] == [good, bad, good, bad, good]
        assert results[7].status is SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
        assert either.value("OCPPCommCtrlr.HeartbeatInterval") == "62"

    def test_a_batch_is_one_unit_of_the_store(self, either: Provisioned) -> None:
        items = [
            SetVariable(address("OCPPCommCtrlr.HeartbeatInterval"), "60"),
            SetVariable(address("AuthCtrlr.LocalPreAuthorize"), "false"),
        ]
        either.provisioning.set_variables(items, "csms")
        assert [len(unit) for unit in either.world.store.units] == [2]


class TestSetIn2:
    @pytest.mark.parametrize("source", ["hmi", "csms"])
    def test_an_empty_component_is_unknown(self, modern: Provisioned, source: str) -> None:
        result = modern.set(".HeartbeatInterval", "60", source=source)
        assert result.status is SetVariableStatus.UNKNOWN_COMPONENT

    @pytest.mark.parametrize("where", ["OCPPCommCtrlr.MessageTimeout[Default]"])
    def test_read_only_keys_bind_nobody(self, modern: Provisioned, where: str) -> None:
        assert modern.set("SecurityCtrlr.MaxCertificateChainSize", "5000").status == "Accepted"
        assert modern.set(where, "20").status == "Accepted"

    @pytest.mark.requirement("B09.FR.24", "B10.FR.01")
    def test_connection_settings_are_accepted(self, modern: Provisioned) -> None:
        assert modern.set("NetworkConfiguration[2].Identity", "CS9").status == "Accepted"


class TestSetIn16:
    @pytest.mark.parametrize("kind", [None, ACTUAL, TARGET])
    def test_a_key(self, legacy: Provisioned, kind: AttributeType | None) -> None:
        result = legacy.set("[x].HeartbeatInterval[y]@1", "60", kind)
        assert result.status is SetVariableStatus.ACCEPTED
        assert result.address == address(".HeartbeatInterval")
        assert legacy.value("OCPPCommCtrlr.HeartbeatInterval") == "60"

    @pytest.mark.parametrize(
        ("key", "value", "status"),
        [
            ("Nope", "1", "UnknownVariable"),
            ("HeartbeatInterval", "x", "Rejected"),
            ("HeartbeatInterval", "60" * 300, "Rejected"),
            ("DefaultPrice", '{"a": "' + "x" * 600 + '"}', "Rejected"),
            ("NumberOfConnectors", "9", "Rejected"),
            ("CentralSystemURI", "ws://x", "Rejected"),
            ("ChargePointId", "X", "Rejected"),
            ("HostName", "X", "Rejected"),
            ("SupportedMeasurands", "Voltage", "Rejected"),
            ("SupportedFeatureProfiles", "Core", "Rejected"),
            ("MeterValuesSampledDataMaxLength", "9", "Rejected"),
            ("Language", "de", "Rejected"),
            ("VerifyCsmsAllowWildcards", "true", "Rejected"),
        ],
    )
    @pytest.mark.parametrize("source", ["hmi", "csms"])
    def test_refusals(
        self, legacy: Provisioned, key: str, value: str, status: str, source: str
    ) -> None:
        result = legacy.set("." + key, value, source=source)
        assert (result.status, result.address) == (status, address("." + key))
        assert legacy.world.store.units == []

    @pytest.mark.parametrize(
        "where",
        [
            "SecurityCtrlr.MaxCertificateChainSize",  # read-only as the key it is behind
            "OCPP16LegacyCtrlr.NumberOfConnectors",
            "OCPP16LegacyCtrlr.SupportedFeatureProfiles",
            "LocalAuthListCtrlr.Entries",
            "SmartChargingCtrlr.Entries[ChargingProfiles]",
            "InternalCtrlr.VerifyCsmsAllowWildcards",
        ],
    )
    def test_what_a_key_forbids_no_address_allows(self, legacy: Provisioned, where: str) -> None:
        before = legacy.value(where)
        assert legacy.set(where, before or "5").status is SetVariableStatus.REJECTED
        assert legacy.value(where) == before

    def test_a_variable_behind_a_key_has_actual_alone(self, legacy: Provisioned) -> None:
        result = legacy.set("TxCtrlr.EVConnectionTimeOut", "5", MAX_SET)
        assert result.status is SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
        result = legacy.get("TxCtrlr.EVConnectionTimeOut", MAX_SET).status
        assert result is GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE

    def test_the_limit_of_a_writable_variable_does_not_bind_it(self, legacy: Provisioned) -> None:
        where = "SampledDataCtrlr.TxUpdatedMeasurands"
        assert legacy.set(where, "Voltage").status is SetVariableStatus.ACCEPTED

    def test_read_only_without_a_key_is_written(self, legacy: Provisioned) -> None:
        assert legacy.set("InternalCtrlr.MonitorsProcessingInterval", "3").status == "Accepted"
        assert legacy.model.integer(InternalCtrlr.MonitorsProcessingInterval) == 3

    @pytest.mark.requirement("B09.FR.24")
    def test_connection_settings_need_a_reconnect(self, legacy: Provisioned) -> None:
        result = legacy.set("NetworkConfiguration[2].Identity", "CS9")
        assert result.status is SetVariableStatus.REBOOT_REQUIRED
        assert legacy.value("NetworkConfiguration[2].Identity") == "CS9"

    def test_measurands_of_a_phase_are_those_of_all_phases(self, legacy: Provisioned) -> None:
        status = legacy.set(".MeterValuesSampledData", "Voltage.L1,Voltage.L2-N,SoC").status
        assert status is SetVariableStatus.ACCEPTED
        assert legacy.value("SampledDataCtrlr.TxUpdatedMeasurands") == "Voltage,SoC"
        assert legacy.set(".MeterValuesSampledData", "Voltage.L4").status == "Rejected"
        assert legacy.set(".MeterValuesSampledData", "Voltage,,SoC").status == "Rejected"

    @pytest.mark.parametrize(
        ("value", "status"),
        [
            ("NotApplicable", "Accepted"),
            ("0.RST, 1.RTS,3.Unknown", "Accepted"),
            ("4.RST", "Rejected"),
            ("1.RRS", "Rejected"),
            ("1:RST", "Rejected"),
        ],
    )
    def test_phase_rotation_has_a_form(self, legacy: Provisioned, value: str, status: str) -> None:
        assert legacy.set(".ConnectorPhaseRotation", value).status == status

    def test_prices_are_json(self, legacy: Provisioned) -> None:
        assert legacy.set(".DefaultPrice", '{"priceText": "0.30 EUR/kWh"}').status == "Accepted"
        for value in ("free", "[]", "{", "[" * 499):
            assert legacy.set(".DefaultPrice", value).status is SetVariableStatus.REJECTED


class TestKeysThatThereAreSeveralOf:
    def test_public_keys_of_meters(self, legacy: Provisioned) -> None:
        assert legacy.set(".MeterPublicKey2", "30A0", source="csms").status == "Accepted"
        assert legacy.value("OCPP16LegacyCtrlr.MeterPublicKeys") == ",30A0"
        assert legacy.get(".meterpublickey2").value == "30A0"
        assert legacy.get(".MeterPublicKey1").value is None
        assert legacy.get(".MeterPublicKey4").status is GetVariableStatus.UNKNOWN_VARIABLE
        assert legacy.set(".MeterPublicKey4", "1").status is SetVariableStatus.UNKNOWN_VARIABLE
        assert legacy.set(".MeterPublicKey1", "1,2").status is SetVariableStatus.REJECTED
        assert "MeterPublicKey2" in legacy.keys.names()

    def test_prices_by_language(self, legacy: Provisioned) -> None:
        text = '{"priceText": "0.30 €/kWh"}'
        assert legacy.set(".DefaultPriceText,de", text, source="csms").status == "Accepted"
        assert legacy.set(".DefaultPriceText,en", '{"priceText": "x"}').status == "Accepted"
        assert legacy.set(".DefaultPriceText,DE", text).status is SetVariableStatus.ACCEPTED
        assert legacy.get(".defaultpricetext,De").value == text
        assert legacy.get(".DefaultPriceText,fr").status is GetVariableStatus.UNKNOWN_VARIABLE
        assert legacy.set(".DefaultPriceText,de", "0.30").status is SetVariableStatus.REJECTED
        assert legacy.set(".DefaultPriceText,", text).status is SetVariableStatus.UNKNOWN_VARIABLE
        legacy.model.set_actual(OCPP16LegacyCtrlr.SupportedLanguages, "en,de")
        assert legacy.set(".DefaultPriceText,nl", text).status == "UnknownVariable"
        assert set(legacy.keys.names()) >= {"DefaultPriceText,DE", "DefaultPriceText,en"}

    def test_what_is_not_a_price_is_no_key(self, legacy: Provisioned) -> None:
        for text in ("[1]", '{"priceTexts": 3}', '{"priceTexts": [1, {"language": 2}]}'):
            legacy.model.set_actual(OCPP16LegacyCtrlr.DefaultPriceText, text)
            assert legacy.get(".DefaultPriceText,en").status == "UnknownVariable"


def test_no_password_in_any_repr(legacy: Provisioned) -> None:
    item = SetVariable(address(".AuthorizationKey"), PASSWORD)
    answer = legacy.provisioning.set_variables([item], "csms")
    assert PASSWORD not in repr((item, answer.result, legacy.get(".AuthorizationKey")))
