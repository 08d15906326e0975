import pytest

from ocppd.device_model.definitions import AttributeDefinition, VariableDefinition
from ocppd.device_model.device_model import DeviceModel
from ocppd.model.variables import (
    AttributeType,
    Characteristics,
    Component,
    ComponentVariable,
    DataType,
    EvseRef,
    GetVariable,
    GetVariableStatus,
    Mutability,
    SetVariable,
    SetVariableStatus,
    StatusInfo,
    Variable,
)
from tests.fakes import MemoryStore

ACTUAL, TARGET, MIN_SET, MAX_SET = AttributeType


def address(
    component: str, variable: str, instance: str | None = None, evse: EvseRef | None = None
) -> ComponentVariable:
    return ComponentVariable(Component(component, None, evse), Variable(variable, instance))


INTERVAL = address("AlignedDataCtrlr", "Interval")
DATE_TIME = address("ClockCtrlr", "DateTime")
PASSWORD = address("SecurityCtrlr", "BasicAuthPassword")
STATE = address("EVSE", "AvailabilityState", evse=EvseRef(1))
POWER = address("EVSE", "Power", evse=EvseRef(1))
ATTEMPTS = address("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent")
EMPTY = address("TxCtrlr", "MaxEnergyOnInvalidId")
REBOOT = address("Display", "Language")
VALUE_SIZE = address("DeviceDataCtrlr", "ConfigurationValueSize")
REPORTING_SIZE = address("DeviceDataCtrlr", "ReportingValueSize")


def definition(
    where: ComponentVariable,
    data_type: DataType,
    mutability: Mutability = Mutability.READ_WRITE,
    value: str | None = None,
    *,
    persistent: bool = True,
    reboot: bool = False,
    more: tuple[AttributeDefinition, ...] = (),
    **shape: float,
) -> VariableDefinition:
    return VariableDefinition(
        where,
        Characteristics(data_type, **shape),  # type: ignore[arg-type]
        (AttributeDefinition(ACTUAL, mutability, value, persistent), *more),
        reboot=reboot,
    )


DEFINITIONS = [
    definition(INTERVAL, DataType.INTEGER, value="900", min_limit=0, max_limit=86400),
    definition(DATE_TIME, DataType.DATE_TIME, Mutability.READ_ONLY),
    definition(PASSWORD, DataType.STRING, Mutability.WRITE_ONLY, "DEADBEEF", max_limit=40),
    definition(STATE, DataType.STRING, Mutability.READ_ONLY, "Unavailable", persistent=False),
    definition(
        POWER,
        DataType.DECIMAL,
        Mutability.READ_ONLY,
        "0",
        persistent=False,
        more=(
            AttributeDefinition(TARGET, Mutability.READ_WRITE),
            AttributeDefinition(MAX_SET, Mutability.READ_WRITE),
        ),
        max_limit=22000,
    ),
    definition(ATTEMPTS, DataType.INTEGER, value="5", min_limit=1),
    definition(EMPTY, DataType.INTEGER),
    definition(REBOOT, DataType.STRING, value="en", reboot=True),
    definition(VALUE_SIZE, DataType.INTEGER, Mutability.READ_ONLY, "1000"),
    definition(REPORTING_SIZE, DataType.INTEGER, Mutability.READ_ONLY, "8"),
]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def model(store: MemoryStore) -> DeviceModel:
    return DeviceModel(DEFINITIONS, store)


class TestRead:
    @pytest.mark.requirement("B06.FR.02", "B06.FR.10", "B06.FR.11")
    def test_without_attribute_type_it_is_actual(self, model: DeviceModel) -> None:
        result = model.read(GetVariable(INTERVAL))
        assert (result.status, result.value) == (GetVariableStatus.ACCEPTED, "900")
        assert (result.address, result.attribute_type) == (INTERVAL, ACTUAL)

    @pytest.mark.requirement("B06.FR.06", "B06.FR.07", "B06.FR.08", "B06.FR.14", "B06.FR.15")
    @pytest.mark.parametrize(
        ("where", "kind", "status"),
        [
            (address("Nope", "Interval"), None, "UnknownComponent"),
            (address("", "Interval"), None, "UnknownComponent"),
            (address("EVSE", "Power"), None, "UnknownComponent"),
            (address("EVSE", "Power", evse=EvseRef(2)), None, "UnknownComponent"),
            (address("EVSE", "Power", evse=EvseRef(1, 1)), None, "UnknownComponent"),
            (address("AlignedDataCtrlr", "Nope"), None, "UnknownVariable"),
            (address("AlignedDataCtrlr", "Interval", "x"), None, "UnknownVariable"),
            (address("OCPPCommCtrlr", "MessageAttempts"), None, "UnknownVariable"),
            (INTERVAL, TARGET, "NotSupportedAttributeType"),
        ],
    )
    @pytest.mark.parametrize("source", ["csms", "hmi"])
    def test_what_is_not_there(
        self,
        model: DeviceModel,
        where: ComponentVariable,
        kind: AttributeType | None,
        status: str,
        source: str,
    ) -> None:
        result = model.read(GetVariable(where, kind), source)
        assert result.status == status
        assert result.value is None
        assert result.attribute_type == (kind or ACTUAL)

    def test_names_and_instances_are_found_in_any_case(self, model: DeviceModel) -> None:
        where = address("ocppcommctrlr", "MESSAGEATTEMPTS", "transactionevent")
        result = model.read(GetVariable(where))
        assert result.value == "5"
        assert result.address == where

    def test_an_empty_instance_is_none(self, model: DeviceModel) -> None:
        where = ComponentVariable(Component("AlignedDataCtrlr", ""), Variable("Interval", ""))
        assert model.read(GetVariable(where)).value == "900"

    @pytest.mark.requirement("B06.FR.13")
    def test_no_value_is_an_empty_text_for_the_csms_alone(self, model: DeviceModel) -> None:
        result = model.read(GetVariable(EMPTY), "csms")
        assert (result.status, result.value) == (GetVariableStatus.ACCEPTED, "")
        result = model.read(GetVariable(EMPTY), "hmi")
        assert result.status is GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
        assert result.value is None

    @pytest.mark.requirement("B06.FR.09")
    @pytest.mark.parametrize("source", ["csms", "hmi", "internal"])
    def test_write_only_is_never_read(self, model: DeviceModel, source: str) -> None:
        result = model.read(GetVariable(PASSWORD), source)
        assert (result.status, result.value) == (GetVariableStatus.REJECTED, None)
        assert result.status_info == StatusInfo("WriteOnly")
        assert "DEADBEEF" not in repr(result)

    def test_values_are_cut_to_the_reporting_size(self, model: DeviceModel) -> None:
        model.set_actual(REBOOT, "x" * 20)
        assert model.read(GetVariable(REBOOT)).value == "x" * 8
        assert model.text(REBOOT) == "x" * 20


class TestWrite:
    @pytest.mark.requirement("B05.FR.03", "B05.FR.10", "B05.FR.12")
    def test_accepted(self, model: DeviceModel, store: MemoryStore) -> None:
        result = model.write(SetVariable(INTERVAL, "60"), "csms")
        assert (result.status, result.attribute_type) == (SetVariableStatus.ACCEPTED, ACTUAL)
        assert model.integer(INTERVAL) == 60
        assert store.attributes == {(INTERVAL, ACTUAL): ("60", "csms")}

    @pytest.mark.requirement("B05.FR.04", "B05.FR.05", "B05.FR.06", "B05.FR.07", "B05.FR.08")
    @pytest.mark.parametrize(
        ("item", "status", "reason"),
        [
            (SetVariable(address("Nope", "Interval"), "1"), "UnknownComponent", None),
            (SetVariable(address("", "Interval"), "1"), "UnknownComponent", None),
            (SetVariable(address("AlignedDataCtrlr", "x"), "1"), "UnknownVariable", None),
            (SetVariable(INTERVAL, "1", TARGET), "NotSupportedAttributeType", None),
            (SetVariable(INTERVAL, "abc"), "Rejected", "InvalidValue"),
            (SetVariable(INTERVAL, "-1"), "Rejected", "ValueTooLow"),
            (SetVariable(INTERVAL, "86401"), "Rejected", "ValueTooHigh"),
            (SetVariable(PASSWORD, "x" * 41), "Rejected", "TooLargeElement"),
            (SetVariable(REBOOT, "x" * 1001), "Rejected", "TooLargeElement"),
        ],
    )
    @pytest.mark.parametrize("source", ["csms", "hmi"])
    def test_refusals_change_nothing(
        self,
        model: DeviceModel,
        store: MemoryStore,
        item: SetVariable,
        status: str,
        reason: str | None,
        source: str,
    ) -> None:
        result = model.write(item, source)
        assert result.status == status
        assert (result.status_info.reason_code if result.status_info else None) == reason
        assert store.units == []

    @pytest.mark.requirement("B05.FR.09")
    def test_read_only_binds_the_csms_alone(self, model: DeviceModel) -> None:
        item = SetVariable(DATE_TIME, "2026-03-01T12:00:00Z")
        refused = model.write(item, "csms")
        assert refused.status is SetVariableStatus.REJECTED
        assert refused.status_info == StatusInfo("ReadOnly")
        assert model.write(item, "hmi").status is SetVariableStatus.ACCEPTED
        assert model.text(DATE_TIME) == item.value

    def test_write_only_is_written_by_the_csms(self, model: DeviceModel) -> None:
        item = SetVariable(PASSWORD, "0123456789ABCDEF")
        assert model.write(item, "csms").status is SetVariableStatus.ACCEPTED
        assert model.text(PASSWORD) == "0123456789ABCDEF"
        assert "0123456789ABCDEF" not in repr(item)

    def test_reboot_required(self, model: DeviceModel) -> None:
        result = model.write(SetVariable(REBOOT, "de"), "csms")
        assert result.status is SetVariableStatus.REBOOT_REQUIRED
        assert model.text(REBOOT) == "de"

    def test_attributes_are_apart(self, model: DeviceModel) -> None:
        assert model.write(SetVariable(POWER, "11000", MAX_SET)).status == "Accepted"
        too_high = model.write(SetVariable(POWER, "12000", TARGET))
        assert too_high.status_info == StatusInfo("ValueTooHigh", "MaxSet is 11000")
        assert model.write(SetVariable(POWER, "10000", TARGET)).status == "Accepted"
        assert [
            model.read(GetVariable(POWER, kind)).value for kind in (ACTUAL, TARGET, MAX_SET)
        ] == ["0", "10000", "11000"]
        assert model.read(GetVariable(POWER, MIN_SET)).status == "NotSupportedAttributeType"

    def test_the_first_guard_that_refuses_decides(self, model: DeviceModel) -> None:
        asked: list[str] = []
        info = StatusInfo("TxInProgress")
        model.guard(INTERVAL, lambda value: asked.append(value) or None)
        model.guard(INTERVAL, lambda _: SetVariableStatus.REBOOT_REQUIRED)
        model.guard(
            INTERVAL, lambda value: (SetVariableStatus.REJECTED, info) if value == "1" else None
        )
        refused = model.write(SetVariable(INTERVAL, "1"))
        assert (refused.status, refused.status_info) == (SetVariableStatus.REJECTED, info)
        assert model.integer(INTERVAL) == 900
        assert model.write(SetVariable(INTERVAL, "2")).status is SetVariableStatus.REBOOT_REQUIRED
        assert model.integer(INTERVAL) == 2
        assert asked == ["1", "2"]

    def test_guards_are_not_asked_for_what_is_invalid_or_internal(self, model: DeviceModel) -> None:
        model.guard(INTERVAL, lambda _: SetVariableStatus.REJECTED)
        assert model.write(SetVariable(INTERVAL, "x")).status_info == StatusInfo(
            "InvalidValue", "is not an integer"
        )
        model.set_actual(INTERVAL, 5)
        assert model.integer(INTERVAL) == 5


class TestObservers:
    def test_they_hear_of_changes_after_they_are_made(self, model: DeviceModel) -> None:
        heard: list[tuple[object, ...]] = []
        model.observe(INTERVAL, lambda *change: heard.append((*change, model.integer(INTERVAL))))
        model.write(SetVariable(address("aligneddatactrlr", "INTERVAL"), "60"), "csms")
        model.write(SetVariable(INTERVAL, "60"), "csms")
        model.write(SetVariable(INTERVAL, "x"), "csms")
        model.set_actual(INTERVAL, 70)
        assert heard == [
            (INTERVAL, "900", "60", "csms", 60),
            (INTERVAL, "60", "70", "internal", 70),
        ]

    def test_actual_only(self, model: DeviceModel) -> None:
        heard: list[object] = []
        model.observe(POWER, lambda *change: heard.append(change))
        model.write(SetVariable(POWER, "1", MAX_SET))
        assert heard == []

    def test_one_may_hear_everything_until_it_ends(self, model: DeviceModel) -> None:
        heard: list[str] = []
        end = model.observe(None, lambda where, *_: heard.append(str(where)))
        model.set_actual(STATE, "Available")
        model.set_actual(INTERVAL, 1)
        end()
        end()
        model.set_actual(INTERVAL, 2)
        assert heard == ["EVSE.AvailabilityState@1", "AlignedDataCtrlr.Interval"]

    def test_one_that_fails_spoils_nothing(
        self, model: DeviceModel, caplog: pytest.LogCaptureFixture
    ) -> None:
        heard: list[str] = []

        def fail(*_: object) -> None:
            raise RuntimeError("broken")

        model.observe(INTERVAL, fail)
        model.observe(INTERVAL, lambda _where, _old, new, _source: heard.append(new))
        assert model.write(SetVariable(INTERVAL, "60")).status is SetVariableStatus.ACCEPTED
        assert heard == ["60"]
        assert "An observer of AlignedDataCtrlr.Interval failed" in caplog.text

    def test_one_may_write(self, model: DeviceModel) -> None:
        model.observe(INTERVAL, lambda *_: model.set_actual(ATTEMPTS, 1))
        model.write(SetVariable(INTERVAL, "60"))
        assert model.integer(ATTEMPTS) == 1


class TestPersistence:
    def test_states_are_not_saved(self, model: DeviceModel, store: MemoryStore) -> None:
        model.set_actual(STATE, "Available")
        assert store.attributes == {}

    def test_a_value_set_to_what_it_is_stays_set(
        self, model: DeviceModel, store: MemoryStore
    ) -> None:
        model.write(SetVariable(INTERVAL, "900"), "csms")
        assert store.attributes == {(INTERVAL, ACTUAL): ("900", "csms")}
        model.write(SetVariable(INTERVAL, "900"), "csms")
        assert len(store.units) == 1

    def test_saved_values_come_back(self) -> None:
        model = DeviceModel(DEFINITIONS)
        assert model.restore(INTERVAL, ACTUAL, "60", "csms")
        assert model.integer(INTERVAL) == 60

    @pytest.mark.parametrize(
        ("where", "kind", "value"),
        [
            (address("Gone", "Interval"), ACTUAL, "1"),
            (INTERVAL, TARGET, "1"),
            (INTERVAL, ACTUAL, "100000"),
            (STATE, ACTUAL, "Occupied"),
        ],
    )
    def test_what_does_not_fit_any_more_does_not(
        self, where: ComponentVariable, kind: AttributeType, value: str
    ) -> None:
        model = DeviceModel(DEFINITIONS)
        assert not model.restore(where, kind, value, "csms")
        assert model.integer(INTERVAL) == 900

    def test_reset_of_one_and_of_all(self, model: DeviceModel, store: MemoryStore) -> None:
        heard: list[tuple[object, ...]] = []
        model.write(SetVariable(INTERVAL, "60"), "csms")
        model.write(SetVariable(ATTEMPTS, "9"), "hmi")
        model.set_actual(STATE, "Occupied")
        model.observe(None, lambda *change: heard.append(change))
        model.reset(INTERVAL)
        assert (model.integer(INTERVAL), model.integer(ATTEMPTS)) == (900, 9)
        model.reset()
        assert model.integer(ATTEMPTS) == 5
        assert model.text(STATE) == "Occupied"
        assert store.attributes == {}
        assert heard == [(INTERVAL, "60", "900", "factory"), (ATTEMPTS, "9", "5", "factory")]


class TestGetters:
    def test_defaults_where_there_is_no_value(self, model: DeviceModel) -> None:
        nowhere = address("Nope", "Nope")
        for where in (EMPTY, nowhere):
            assert model.integer(where, 7) == 7
            assert model.decimal(where, 1.5) == 1.5
            assert model.text(where, "x") == "x"
            assert model.flag(where, default=True)
            assert model.members(where) == ()
            assert not model.has(where)
        assert model.integer(REBOOT, 3) == 3
        assert model.decimal(REBOOT, 3) == 3
        model.set_actual(nowhere, 1)
        model.guard(nowhere, lambda _: None)
        model.observe(nowhere, lambda *_: None)

    def test_a_computed_value_is_asked_for(self, model: DeviceModel) -> None:
        numbers = iter(range(10))
        model.compute(EMPTY, lambda: next(numbers))
        assert [model.read(GetVariable(EMPTY)).value, model.text(EMPTY)] == ["0", "1"]

    def test_limits_may_be_told_later(self, model: DeviceModel) -> None:
        model.describe(INTERVAL, max_limit=100)
        assert model.write(SetVariable(INTERVAL, "101")).status is SetVariableStatus.REJECTED

    def test_components_come_and_go(self, model: DeviceModel) -> None:
        where = address("ACDERCtrlr", "Enabled", evse=EvseRef(1))
        model.define(definition(where, DataType.BOOLEAN, value="true"))
        assert model.flag(where)
        model.remove(where.component)
        assert model.read(GetVariable(where)).status is GetVariableStatus.UNKNOWN_COMPONENT

    def test_many_spellings_take_no_more_memory(self, model: DeviceModel) -> None:
        name = "messageattemptsx"
        for number in range(10_000):
            spelled = "".join(
                letter.upper() if number >> place & 1 else letter
                for place, letter in enumerate(name[:-1])
            )
            where = address("OCPPCommCtrlr", spelled, "TransactionEvent")
            assert model.find(where) is not None
        assert len(model._by_spelling) <= 4096
