"""Every configuration key of OCPP 1.6 is a view on a variable that exists."""

import pytest

from ocppd.csms.v16.key_table import KEYS, PROFILES, Key, Kind
from ocppd.device_model.names import NetworkConfiguration
from ocppd.model.variables import Mutability
from tests.station.provisioned import Provisioned, address


@pytest.fixture(scope="module")
def parts() -> Provisioned:
    return Provisioned(legacy=True)


def test_the_table_is_complete() -> None:
    """130 keys, 67 of them read-only, 124 with a variable of their own."""
    assert len(KEYS) == 130
    assert len({key.casefold() for key in KEYS}) == 130
    assert sum(key.read_only for key in KEYS.values()) == 67
    assert sum(key.kind in (Kind.VALUE, Kind.LIMIT) for key in KEYS.values()) == 124
    assert sum(key.kind is Kind.LIMIT for key in KEYS.values()) == 6
    assert {key for keys in PROFILES.values() for key in keys} <= set(KEYS)


@pytest.mark.parametrize(("name", "key"), KEYS.items(), ids=KEYS)
def test_each_key_has_its_variable(parts: Provisioned, name: str, key: Key) -> None:
    if key.kind is Kind.MEASURANDS:
        value = parts.keys.read(name)
        assert value is not None
        assert value.value is not None
        return
    if key.kind is Kind.SLOT:
        where = address(f"NetworkConfiguration[1].{key.address.variable.name}")
    else:
        where = key.address
    variable = parts.model.find(where)
    assert variable is not None
    assert variable.address == where
    assert variable.actual is not None
    if key.kind is Kind.LIMIT:
        assert variable.characteristics.max_limit is not None
    elif not key.read_only:
        assert variable.actual.definition.mutability is not Mutability.READ_ONLY


@pytest.mark.parametrize("name", KEYS)
def test_a_key_and_its_variable_say_the_same(parts: Provisioned, name: str) -> None:
    result = parts.get("." + name)
    key = KEYS[name]
    if key.hidden:
        assert result.status == "UnknownVariable"
        return
    assert result.status == "Accepted"
    if key.kind is not Kind.VALUE or name == "ChargingScheduleAllowedChargingRateUnit":
        return
    canonical = parts.get(str(key.address))
    if result.value is None:
        assert canonical.status == "UnknownVariable"
    else:
        assert (canonical.status, canonical.value) == ("Accepted", result.value)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("source", ["csms", "hmi"])
def test_read_only_keys_are_never_written(name: str, source: str, parts: Provisioned) -> None:
    if not KEYS[name].read_only:
        return
    current = parts.keys.read(name)
    value = current.value if current is not None and current.value else "1"
    assert parts.set("." + name, value, source=source).status == "Rejected"


def test_each_writable_key_can_be_written() -> None:
    values = {
        "AuthorizationKey": "FEDCBA9876543210",
        "SecurityProfile": "2",
        "ConnectorPhaseRotation": "1.RST",
        "DefaultPrice": "{}",
        "DefaultPriceText": "{}",
        "IgnoredProfilePurposesOffline": "TxProfile",
        "NextTimeOffsetTransitionDateTime": "2026-03-29T01:00:00Z",
        "TimeOffset": "+01:00",
        "TimeOffsetNextTransition": "+02:00",
        "OcspRequestInterval": "86400",
        "SeccLeafSubjectCountry": "DE",
    }
    parts = Provisioned(legacy=True)
    parts.world.certificates.root = True
    for name, key in KEYS.items():
        if key.read_only:
            continue
        current = parts.keys.read(name)
        value = values.get(name) or (current.value if current is not None else None) or "1"
        for each in (value, "true", "1"):
            result = parts.set("." + name, each, source="csms")
            if result.status == "Accepted":
                break
        assert result.status == "Accepted", (name, result)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MeterValuesAlignedDataMaxLength", "1000"),
        ("MeterValuesSampledDataMaxLength", "1000"),
        ("StopTxnAlignedDataMaxLength", "1000"),
        ("StopTxnSampledDataMaxLength", "1000"),
        ("LocalAuthListMaxLength", "10000"),
        ("MaxChargingProfilesInstalled", "500"),
        ("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),
        ("NumberOfConnectors", "3"),
        ("CentralSystemURI", "ws://csms.example/ocpp"),
        ("ChargePointId", "CS1"),
        ("SecurityProfile", "1"),
    ],
)
def test_keys_that_are_computed(parts: Provisioned, key: str, value: str) -> None:
    found = parts.keys.read(key)
    assert found is not None
    assert found.value == value


def test_supported_measurands_are_those_of_all_lists() -> None:
    parts = Provisioned(legacy=True)
    for number, where in enumerate(
        [
            "AlignedDataCtrlr.Measurands",
            "AlignedDataCtrlr.TxEndedMeasurands",
            "SampledDataCtrlr.TxEndedMeasurands",
            "SampledDataCtrlr.TxStartedMeasurands",
            "SampledDataCtrlr.TxUpdatedMeasurands",
        ]
    ):
        parts.model.describe(address(where), values_list=("Voltage", f"X{number}"))
    assert parts.get(".SupportedMeasurands").value == "Voltage,X0,X1,X2,X3,X4"


def test_feature_profiles_are_what_is_available() -> None:
    parts = Provisioned(legacy=True)
    assert parts.get(".SupportedFeatureProfiles").value == (
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
    )
    for component in ("LocalAuthListCtrlr", "ReservationCtrlr", "SmartChargingCtrlr"):
        parts.model.set_actual(address(f"{component}.Available"), False)
    expected = "Core,FirmwareManagement,RemoteTrigger"
    assert parts.get(".SupportedFeatureProfiles").value == expected
    assert parts.get("OCPP16LegacyCtrlr.SupportedFeatureProfiles").value == expected
    assert parts.get(".MaxChargingProfilesInstalled").status == "UnknownVariable"


def test_the_identity_falls_back_to_the_station_s() -> None:
    parts = Provisioned(legacy=True)
    parts.model.set_actual(NetworkConfiguration.Identity(1), "")
    parts.model.set_actual(address("SecurityCtrlr.Identity"), "CS0")
    assert parts.get(".ChargePointId").value == "CS0"


def test_a_key_of_the_station_tells_no_secret() -> None:
    where = address("NetworkConfiguration[1].BasicAuthPassword")
    parts = Provisioned(legacy=True, custom={"Secret": where})
    assert parts.get(".Secret").status == "UnknownVariable"
    assert parts.keys.address_of("Secret") is None
    assert "Secret" not in parts.keys.names()
    assert parts.keys.key_of(where) == "Secret"
