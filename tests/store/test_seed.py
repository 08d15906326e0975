from pathlib import Path

import pytest

from ocppd.device_model import names
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    EVSE,
    AuthCtrlr,
    Connector,
    NetworkConfiguration,
    OCPP16LegacyCtrlr,
    OCPPCommCtrlr,
)
from ocppd.device_model.values import complaint
from ocppd.model.variables import (
    AttributeType,
    Component,
    ComponentVariable,
    EvseRef,
    GetVariable,
    Mutability,
    SetVariable,
    Variable,
)
from ocppd.store.component_files import read_catalogue, read_keys
from ocppd.store.seed import build_device_model
from ocppd.strict_yaml import YamlError
from tests.fakes import MemoryStore

TOPOLOGY = [["cType2"], ["cCCS2", None]]


@pytest.fixture(scope="module")
def model() -> DeviceModel:
    return build_device_model(TOPOLOGY)


def all_names() -> list[ComponentVariable]:
    found = []
    for owner in vars(names).values():
        if not isinstance(owner, type) or owner.__module__ != names.__name__:
            continue
        if owner.__name__ in ("V2XChargingCtrlr", "FiscalMetering"):
            continue  # a station has them only if it says so
        for member in vars(owner).values():
            if isinstance(member, ComponentVariable):
                found.append(member)
            elif callable(member):
                found.append(member(1, 1) if owner is Connector else member(1))
    return found


def test_every_name_in_the_code_is_a_variable_spelled_alike(model: DeviceModel) -> None:
    found = all_names()
    assert len(found) > 300
    for name in found:
        variable = model.find(name)
        assert variable is not None, name
        assert variable.address == name


def test_the_package_s_own_values_fit_their_variables(model: DeviceModel) -> None:
    for variable in model.variables():
        for attribute in variable.attributes.values():
            if attribute.value:
                assert complaint(attribute.value, variable.characteristics) is None


def test_secrets_are_write_only(model: DeviceModel) -> None:
    secret = {"password", "secret", "key", "pin"}
    for variable in model.variables():
        name = variable.address.variable.name.lower()
        if any(name.endswith(word) for word in secret) and name != "publickey":
            assert all(
                each.definition.mutability is Mutability.WRITE_ONLY
                for each in variable.attributes.values()
            ), variable.address


@pytest.mark.requirement("B07.FR.08")
def test_what_every_station_must_have_is_there(model: DeviceModel) -> None:
    for component in ("ChargingStation", "OCPPCommCtrlr", "DeviceDataCtrlr", "SecurityCtrlr"):
        assert model.has_component(Component(component))
    assert model.integer(OCPP16LegacyCtrlr.NumberOfConnectors) == 3
    assert len(list(model.variables())) > 400


def test_the_topology_decides_the_components(model: DeviceModel) -> None:
    places = {
        (component.evse.id, component.evse.connector_id)
        for variable in model.variables()
        if (component := variable.address.component).evse is not None
    }
    assert places == {(1, None), (1, 1), (2, None), (2, 1), (2, 2)}
    assert model.text(Connector.ConnectorType(2, 1)) == "cCCS2"
    assert model.text(Connector.ConnectorType(2, 2)) == "Unknown"


def test_slots_are_at_least_two_and_named_in_the_priority() -> None:
    for asked, there in ((1, 2), (4, 4)):
        model = build_device_model(TOPOLOGY, slots=asked)
        assert model.find(NetworkConfiguration.OcppCsmsUrl(there)) is not None
        assert model.find(NetworkConfiguration.OcppCsmsUrl(there + 1)) is None
        priority = model.find(OCPPCommCtrlr.NetworkConfigurationPriority)
        assert priority is not None
        assert priority.characteristics.values_list == tuple(map(str, range(1, there + 1)))


def test_every_standardized_component_can_be_had_by_its_name(tmp_path: Path) -> None:
    catalogue = read_catalogue()
    assert len(catalogue.components) > 75
    for name, component in catalogue.components.items():
        if component.present:
            continue
        (tmp_path / f"{name}.yaml").write_text(
            f"component: {name}\nevse: 2\n"
            + ("" if component.variables else "variables: {Problem: {value: false}}\n")
        )
    model = build_device_model(TOPOLOGY, folder=tmp_path)
    for name in catalogue.components:
        found = [v for v in model.variables() if v.address.component.name == name]
        assert found, name


CUSTOM = """
components:
  - component: FloodSensor
    instance: 7
    evse: 1
    variables:
      Active: {monitorable: true, value: false}
      "Depth[north]": {type: decimal, unit: m, min: 0, max: 2, mutability: ReadWrite, value: 0.50}
      Mode: {value: 0123, reboot: true, mutability: ReadWrite}
  - component: AuthCtrlr
    variables:
      LocalPreAuthorize: {mutability: ReadOnly}
  - component: TokenReader
values:
  - {component: AuthCtrlr, variable: LocalAuthorizeOffline, value: false}
  - {component: EVSE, evse: 1, variable: Power, attribute: MaxSet, value: 22000}
  - {component: OCPPCommCtrlr, variable: "MessageAttempts[TransactionEvent]", value: 3}
"""


def test_files_of_the_station_add_and_change(tmp_path: Path) -> None:
    (tmp_path / "custom.yaml").write_text(CUSTOM)
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    model = build_device_model(TOPOLOGY, folder=tmp_path)
    sensor = Component("FloodSensor", "7", EvseRef(1))
    active = model.find(ComponentVariable(sensor, Variable("Active")))
    assert active is not None
    assert active.characteristics.data_type == "boolean"
    assert active.characteristics.supports_monitoring
    depth = ComponentVariable(sensor, Variable("Depth", "north"))
    assert model.text(depth) == "0.50"
    assert model.write(SetVariable(depth, "2.1")).status == "Rejected"
    mode = ComponentVariable(sensor, Variable("Mode"))
    assert model.text(mode) == "0123"
    assert model.write(SetVariable(mode, "x")).status == "RebootRequired"
    assert model.write(SetVariable(AuthCtrlr.LocalPreAuthorize, "true")).status == "Rejected"
    assert model.has_component(Component("TokenReader"))
    assert not model.flag(AuthCtrlr.LocalAuthorizeOffline, default=True)
    result = model.read(GetVariable(EVSE.Power(1), AttributeType.MAX_SET))
    assert result.value == "22000"
    assert model.integer(OCPPCommCtrlr.MessageAttempts_TransactionEvent) == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "component: X\n",
            "f.yaml:1: component: the variables of X are not standardized; name them",
        ),
        ("component: X\nvariables:\n  Y: {}\n", "f.yaml:3: variables.Y: the type is missing"),
        (
            "component: X\nvariables:\n  Y: {type: int}\n",
            "f.yaml:3: variables.Y.type: expected one of string, decimal, integer, dateTime,"
            " boolean, OptionList, SequenceList, MemberList, found a text (int)",
        ),
        (
            "component: X\nvariables:\n  Y: {type: integer, max: 3, value: 4}\n",
            "f.yaml:3: variables.Y.value: 4: the most is 3",
        ),
        (
            "component: X\nvariables:\n  Y: {type: OptionList, values: NOPE}\n",
            "f.yaml:3: variables.Y.values: there is no list NOPE",
        ),
        (
            "component: X\nconnector: 1\nvariables: {}\n",
            "f.yaml:2: connector: a connector needs an evse",
        ),
        (
            "component: X\nevse: 3\nvariables: {Active: {}}\n",
            "f.yaml:1: no such EVSE or connector is configured",
        ),
        (
            "values:\n  - component: X\n    variable: Y\n    value: 1\n",
            "f.yaml:4: values[0].value: there is no variable X.Y",
        ),
        (
            "values:\n  - {component: AuthCtrlr, variable: Enabled, value: maybe}\n",
            "f.yaml:2: values[0].value: InvalidValue: is not true or false",
        ),
        (
            "values:\n"
            "  - {component: AuthCtrlr, variable: Enabled, attribute: Target, value: true}\n",
            "f.yaml:2: values[0].value: AuthCtrlr.Enabled has no attribute Target",
        ),
        ("value: []\n", "f.yaml:1: value: unknown key; known are: components, keys, values"),
        (
            'component: X\nvariables:\n  "Y[": {type: string}\n',
            "f.yaml:3: variables.Y[: a variable is called Name or Name[instance],"
            " each of 50 characters",
        ),
    ],
)
def test_mistakes_in_files_name_their_place(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(YamlError) as caught:
        build_device_model(TOPOLOGY, folder=tmp_path)
    assert str(caught.value) == f"{tmp_path}/{complaint}"


def test_values_of_the_configuration() -> None:
    model = build_device_model(TOPOLOGY, values={NetworkConfiguration.OcppCsmsUrl(1): "ws://x/y"})
    assert model.text(NetworkConfiguration.OcppCsmsUrl(1)) == "ws://x/y"
    with pytest.raises(YamlError, match=r"^ocppd.yaml: ChargingStation.Model: TooLargeElement"):
        build_device_model(
            TOPOLOGY, values={names.ChargingStation.Model: "a very long name of a model"}
        )


@pytest.mark.requirement("B05.FR.10")
def test_what_changed_at_run_time_survives_and_nothing_else(tmp_path: Path) -> None:
    store = MemoryStore()
    model = build_device_model(TOPOLOGY, store=store)
    model.write(SetVariable(OCPPCommCtrlr.HeartbeatInterval, "77"))
    model.set_actual(EVSE.AvailabilityState(1), "Available")
    (tmp_path / "values.yaml").write_text(
        "values:\n"
        "  - {component: OCPPCommCtrlr, variable: HeartbeatInterval, value: 55}\n"
        "  - {component: OCPPCommCtrlr, variable: OfflineThreshold, value: 55}\n"
    )
    model = build_device_model(
        TOPOLOGY, folder=tmp_path, stored=store.reopened().attributes, store=store
    )
    assert model.integer(OCPPCommCtrlr.HeartbeatInterval) == 77
    assert model.integer(OCPPCommCtrlr.OfflineThreshold) == 55
    assert model.text(EVSE.AvailabilityState(1)) == "Unavailable"
    model.reset()
    assert model.integer(OCPPCommCtrlr.HeartbeatInterval) == 55
    assert store.attributes == {}


def test_saved_values_that_no_longer_fit_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    gone = ComponentVariable(Component("Gone"), Variable("X"))
    stored = {(gone, AttributeType.ACTUAL): ("1", "csms")}
    build_device_model(TOPOLOGY, stored=stored)
    assert "The saved value of Gone.X does not fit it any more" in caplog.text


class TestCache:
    def shape(self, model: DeviceModel) -> list[object]:
        return [variable.definition for variable in model.variables()]

    def test_it_holds_the_same_definitions(self, tmp_path: Path) -> None:
        cache = tmp_path / "definitions.json"
        first = build_device_model(TOPOLOGY, cache=cache)
        assert cache.stat().st_mode & 0o077 == 0
        written = cache.stat().st_mtime_ns
        second = build_device_model(TOPOLOGY, cache=cache)
        assert self.shape(first) == self.shape(second)
        assert cache.stat().st_mtime_ns == written

    def test_any_change_of_an_input_counts(self, tmp_path: Path) -> None:
        cache, folder = tmp_path / "definitions.json", tmp_path / "d"
        folder.mkdir()
        file = folder / "f.yaml"
        file.write_text("values: [{component: AuthCtrlr, variable: Enabled, value: false}]\n")
        build_device_model(TOPOLOGY, folder=folder, cache=cache)
        file.write_text("values: [{component: AuthCtrlr, variable: Enabled, value: true}]\n")
        model = build_device_model(TOPOLOGY, folder=folder, cache=cache)
        assert model.flag(AuthCtrlr.Enabled)
        file.unlink()
        model = build_device_model([*TOPOLOGY, ["cType1"]], folder=folder, cache=cache)
        assert model.text(Connector.ConnectorType(3, 1)) == "cType1"
        url = NetworkConfiguration.OcppCsmsUrl(1)
        model = build_device_model(TOPOLOGY, values={url: "ws://x"}, cache=cache)
        assert model.text(url) == "ws://x"

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"fingerprint": 1}'])
    def test_a_damaged_one_is_made_anew(self, tmp_path: Path, content: bytes) -> None:
        cache = tmp_path / "definitions.json"
        cache.write_bytes(content)
        expected = self.shape(build_device_model(TOPOLOGY))
        assert self.shape(build_device_model(TOPOLOGY, cache=cache)) == expected
        assert len(cache.read_bytes()) > 1000

    def test_no_place_for_it_is_no_failure(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        build_device_model(TOPOLOGY, cache=tmp_path / "nowhere" / "definitions.json")
        assert "Cannot keep the component definitions" in caplog.text


def test_keys_of_the_station(tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(
        "keys:\n"
        "  FloodLimit: {component: FloodSensor, evse: 1, variable: 'Level[north]'}\n"
        "  Slow: {component: TxCtrlr, variable: EVConnectionTimeOut}\n"
    )
    (tmp_path / "other.yaml").write_text("component: TokenReader\n")
    (tmp_path / "nothing.yaml").write_text("")
    build_device_model(TOPOLOGY, folder=tmp_path)
    assert read_keys(tmp_path) == {
        "FloodLimit": ComponentVariable(
            Component("FloodSensor", None, EvseRef(1)), Variable("Level", "north")
        ),
        "Slow": names.TxCtrlr.EVConnectionTimeOut,
    }
    assert read_keys(None) == {}


@pytest.mark.parametrize(
    "where",
    [
        "{component: NetworkConfiguration, instance: 1, variable: Identity}",
        "{component: securityctrlr, variable: basicauthpassword}",
        "{component: TxCtrlr}",
    ],
)
def test_keys_that_cannot_be(tmp_path: Path, where: str) -> None:
    (tmp_path / "keys.yaml").write_text(f"keys:\n  Mine: {where}\n")
    with pytest.raises(YamlError, match=r"keys.yaml:2: keys.Mine: "):
        read_keys(tmp_path)
