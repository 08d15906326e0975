from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.payload import Payload, RpcError
from ocppd.csms.v16 import provisioning
from ocppd.device_model.definitions import AttributeDefinition, VariableDefinition
from ocppd.device_model.names import OCPP16LegacyCtrlr, OCPPCommCtrlr
from ocppd.model.variables import AttributeType, Characteristics, DataType, Mutability
from tests.csms.spoken import as_sent
from tests.station.provisioned import PASSWORD, Provisioned, address

Ask = Callable[..., Awaitable[Payload]]


@pytest.fixture
def parts() -> Provisioned:
    return Provisioned(legacy=True)


@pytest.fixture
def ask(parts: Provisioned) -> Ask:
    station: Any = SimpleNamespace(provisioning=parts.provisioning)
    routes = provisioning.routes(station)

    async def ask(action: str, **payload: object) -> Payload:
        answer = await routes[action](as_sent("1.6", action, payload))
        answer.then()
        return as_sent("1.6", action, answer.result, response=True)

    return ask


class TestChangeConfiguration:
    @pytest.mark.parametrize(
        ("key", "value", "status"),
        [
            ("HeartbeatInterval", "60", "Accepted"),
            ("heartbeatinterval", "60", "Accepted"),
            ("HeartbeatInterval", "soon", "Rejected"),
            ("HeartbeatInterval", "-1", "Rejected"),
            ("MeterValuesSampledData", "Voltage,SoC", "Accepted"),
            ("MeterValuesSampledData", "Voltage,Nonsense", "Rejected"),
            ("MeterValuesSampledData", "", "Accepted"),
            ("LocalPreAuthorize", "false", "Accepted"),
            ("LocalPreAuthorize", "no", "Rejected"),
            ("NumberOfConnectors", "5", "Rejected"),
            ("SupportedFeatureProfiles", "Core", "Rejected"),
            ("AuthorizationKey", "FEDCBA9876543210", "Accepted"),
            ("SecurityProfile", "0", "Rejected"),
            ("NoSuchKey", "1", "NotSupported"),
            ("BlinkRepeat", "3", "Accepted"),
        ],
    )
    async def test_the_status(self, ask: Ask, key: str, value: str, status: str) -> None:
        answer = await ask("ChangeConfiguration", key=key, value=value)
        assert answer == {"status": status}

    async def test_it_is_stored_as_the_csms_s(self, parts: Provisioned, ask: Ask) -> None:
        await ask("ChangeConfiguration", key="HeartbeatInterval", value="60")
        [stored] = parts.world.store.attributes.values()
        assert stored == ("60", "csms")
        assert parts.model.integer(OCPPCommCtrlr.HeartbeatInterval) == 60

    async def test_what_needs_a_reboot(self) -> None:
        parts = Provisioned(legacy=True, custom={"Restarting": address("X.Y")})
        text = Characteristics(DataType.STRING)
        attribute = AttributeDefinition(AttributeType.ACTUAL, Mutability.READ_WRITE)
        parts.model.define(VariableDefinition(address("X.Y"), text, (attribute,), reboot=True))
        station: Any = SimpleNamespace(provisioning=parts.provisioning)
        change = provisioning.routes(station)["ChangeConfiguration"]
        answer = await change({"key": "Restarting", "value": "x"})
        assert answer.result == {"status": "RebootRequired"}


class TestGetConfiguration:
    async def test_some_keys(self, ask: Ask) -> None:
        asked = [
            "heartbeatInterval",
            "Nope",
            "HeartbeatInterval",
            "BlinkRepeat",
            "AuthorizationKey",
        ]
        known = {"key": "HeartbeatInterval", "readonly": False, "value": "1800"}
        assert await ask("GetConfiguration", key=asked) == {
            "configurationKey": [known, known],
            "unknownKey": ["Nope", "BlinkRepeat", "AuthorizationKey"],
        }

    @pytest.mark.parametrize("payload", [{}, {"key": []}])
    async def test_all_keys(
        self, parts: Provisioned, ask: Ask, payload: dict[str, list[str]]
    ) -> None:
        parts.set(".MeterPublicKey1", "30A0")
        parts.set(".DefaultPriceText,de", '{"priceText": "x"}')
        answer = await ask("GetConfiguration", **payload)
        assert "unknownKey" not in answer
        values = {item["key"]: item["value"] for item in answer["configurationKey"]}
        assert len(values) == len(answer["configurationKey"]) > 80
        assert values["NumberOfConnectors"] == "3"
        assert values["ChargingScheduleAllowedChargingRateUnit"] == "Current,Power"
        assert values["SupportedFeatureProfiles"] == (
            "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
        )
        assert values["MeterPublicKey1"] == "30A0"
        assert values["DefaultPriceText,de"] == '{"priceText": "x"}'
        assert {"AuthorizationKey", "BlinkRepeat", "DefaultPriceText"} & set(values) == set()
        assert PASSWORD not in str(answer)

    async def test_what_the_station_must_have(self, ask: Ask) -> None:
        """Each key that OCPP 1.6 requires of the Core profile has a value (1.6, 9.1)."""
        required = [
            "AuthorizeRemoteTxRequests",
            "ClockAlignedDataInterval",
            "ConnectionTimeOut",
            "ConnectorPhaseRotation",
            "GetConfigurationMaxKeys",
            "HeartbeatInterval",
            "LocalAuthorizeOffline",
            "LocalPreAuthorize",
            "MeterValuesAlignedData",
            "MeterValuesSampledData",
            "MeterValueSampleInterval",
            "NumberOfConnectors",
            "ResetRetries",
            "StopTransactionOnEVSideDisconnect",
            "StopTransactionOnInvalidId",
            "StopTxnAlignedData",
            "StopTxnSampledData",
            "SupportedFeatureProfiles",
            "TransactionMessageAttempts",
            "TransactionMessageRetryInterval",
            "UnlockConnectorOnEVSideDisconnect",
        ]
        answer = await ask("GetConfiguration", key=required)
        assert "unknownKey" not in answer

    async def test_long_values_are_cut(self, parts: Provisioned, ask: Ask) -> None:
        parts.model.set_actual(OCPP16LegacyCtrlr.ConnectorEvseIds, "x" * 600)
        answer = await ask("GetConfiguration", key=["ConnectorEvseIds"])
        assert answer["configurationKey"][0]["value"] == "x" * 500

    async def test_more_keys_than_announced(self, parts: Provisioned, ask: Ask) -> None:
        parts.model.set_actual(OCPP16LegacyCtrlr.GetConfigurationMaxKeys, 2)
        await ask("GetConfiguration", key=["a", "b"])
        with pytest.raises(RpcError) as caught:
            await ask("GetConfiguration", key=["a", "b", "c"])
        assert caught.value.code == "OccurrenceConstraintViolation"
