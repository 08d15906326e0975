import json
from collections.abc import Callable

import pytest

from ocppd.csms.v201.provisioning import encode_notify_report
from ocppd.device_model.names import DeviceDataCtrlr, InternalCtrlr
from ocppd.errors import Offline
from ocppd.model.provisioning import (
    ComponentCriterion,
    GetBaseReport,
    GetReport,
    NotifyReport,
    ReportBase,
    ReportData,
    ReportResponse,
    ReportStatus,
    ReportTarget,
)
from ocppd.model.requests import Nothing
from ocppd.model.variables import AttributeType, Component, EvseRef, Mutability, Variable
from ocppd.station.answer import Answer
from tests.fakes import START
from tests.station.provisioned import PASSWORD, Provisioned, address

FULL, CONFIGURATION, SUMMARY = (
    ReportBase.FULL_INVENTORY,
    ReportBase.CONFIGURATION_INVENTORY,
    ReportBase.SUMMARY_INVENTORY,
)
ACTIVE, AVAILABLE, ENABLED, PROBLEM = ComponentCriterion


@pytest.fixture
def parts() -> Provisioned:
    parts = Provisioned(legacy=False)
    parts.world.csms.replies[NotifyReport] = lambda _: Nothing()
    return parts


async def pages(parts: Provisioned, answer: Answer[ReportResponse]) -> list[NotifyReport]:
    assert answer.result.status is ReportStatus.ACCEPTED
    assert parts.world.csms.sent == []
    answer.then()
    await parts.world.tasks.settle()
    sent, parts.world.csms.sent = parts.world.csms.of(NotifyReport), []
    return sent


async def report(parts: Provisioned, request: GetBaseReport | GetReport) -> list[ReportData]:
    reports = parts.provisioning.reports
    ask: Callable[..., Answer[ReportResponse]] = (
        reports.get_base_report if isinstance(request, GetBaseReport) else reports.get_report
    )
    return [data for page in await pages(parts, ask(request)) for data in page.report_data]


def names(report_data: list[ReportData]) -> list[str]:
    return [str(data.address) for data in report_data]


@pytest.mark.requirement("B07.FR.01", "B07.FR.03", "B07.FR.04", "B07.FR.10")
async def test_pages_are_numbered_and_the_last_one_says_so(parts: Provisioned) -> None:
    parts.model.set_actual(DeviceDataCtrlr.ItemsPerMessage_GetReport, 50)
    answer = parts.provisioning.reports.get_base_report(GetBaseReport(7, FULL))
    sent = await pages(parts, answer)
    assert {page.request_id for page in sent} == {7}
    assert [page.seq_no for page in sent] == list(range(len(sent)))
    assert [page.tbc for page in sent] == [True] * (len(sent) - 1) + [False]
    assert {page.generated_at for page in sent} == {START}
    assert max(len(page.report_data) for page in sent) == 50
    assert len(parts.world.csms.triggered) == len(sent)


@pytest.mark.requirement("B07.FR.08", "B07.FR.11")
async def test_the_full_inventory_has_everything_once(parts: Provisioned) -> None:
    data = await report(parts, GetBaseReport(1, FULL))
    assert names(data) == [str(variable.address) for variable in parts.model.variables()]
    power = data[names(data).index("EVSE.Power@1")]
    assert [(each.type, each.value) for each in power.attributes] == [
        (AttributeType.ACTUAL, "0"),
        (AttributeType.MAX_SET, ""),
    ]
    assert power.characteristics.unit == "W"


@pytest.mark.requirement("B07.FR.03", "B09.FR.08")
async def test_secrets_are_named_but_not_told(parts: Provisioned) -> None:
    data = await report(parts, GetBaseReport(1, FULL))
    data += await report(parts, GetReport(2, (ReportTarget(Component("NetworkConfiguration")),)))
    secrets = [
        attribute
        for each in data
        for attribute in each.attributes
        if attribute.mutability is Mutability.WRITE_ONLY
    ]
    assert len(secrets) > 10
    assert {secret.value for secret in secrets} == {None}
    request = NotifyReport(1, START, 0, False, tuple(data))
    assert PASSWORD not in json.dumps(encode_notify_report(request))


@pytest.mark.requirement("B07.FR.07")
async def test_the_configuration_inventory_is_what_can_be_set(parts: Provisioned) -> None:
    data = await report(parts, GetBaseReport(1, CONFIGURATION))
    assert {"AuthCtrlr.Enabled", "SecurityCtrlr.BasicAuthPassword"} <= set(names(data))
    assert "EVSE.AvailabilityState@1" not in names(data)
    for each in data:
        assert {attribute.mutability for attribute in each.attributes} != {Mutability.READ_ONLY}


@pytest.mark.requirement("B07.FR.09")
async def test_the_summary_is_availability_and_what_is_wrong(parts: Provisioned) -> None:
    availability = [
        "ChargingStation.AvailabilityState",
        "Connector.AvailabilityState@1.1",
        "Connector.AvailabilityState@2.1",
        "Connector.AvailabilityState@2.2",
        "EVSE.AvailabilityState@1",
        "EVSE.AvailabilityState@2",
    ]
    assert names(await report(parts, GetBaseReport(1, SUMMARY))) == availability
    parts.model.set_actual(address("EVSE.Problem@2"), True)
    data = names(await report(parts, GetBaseReport(2, SUMMARY)))
    assert sorted(data) == sorted([*availability, "EVSE.Problem@2"])


@pytest.mark.parametrize("most", [5_000, 20_000])
async def test_no_page_is_larger_than_the_limit(parts: Provisioned, most: int) -> None:
    parts.model.set_actual(DeviceDataCtrlr.BytesPerMessage_GetReport, most)
    parts.model.set_actual(address("ChargingStation.SerialNumber"), '"\u20ac\\\x01\U0001f600' * 5)
    parts.model.set_actual(address("OCPP16LegacyCtrlr.DefaultPrice"), "é" * 100)
    answer = parts.provisioning.reports.get_base_report(GetBaseReport(2**31 - 1, FULL))
    sizes = [
        len(json.dumps([2, "x" * 36, "NotifyReport", encode_notify_report(page)]))
        for page in await pages(parts, answer)
    ]
    assert max(sizes) <= most
    assert sum(sizes) / len(sizes) > most / 3  # few messages are good practice


async def test_the_largest_frame_is_a_limit_too(parts: Provisioned) -> None:
    parts.model.set_actual(InternalCtrlr.MaxMessageSize, 3_000)
    answer = parts.provisioning.reports.get_base_report(GetBaseReport(1, FULL))
    assert len(await pages(parts, answer)) > 20


async def test_values_are_cut_to_the_reporting_size(parts: Provisioned) -> None:
    parts.model.set_actual(DeviceDataCtrlr.ReportingValueSize, 10)
    parts.model.set_actual(address("ChargingStation.SerialNumber"), "x" * 25)
    target = ReportTarget(Component("ChargingStation"), Variable("SerialNumber"))
    [data] = await report(parts, GetReport(1, (target,)))
    assert data.attributes[0].value == "x" * 10


class TestCustomReport:
    @pytest.mark.requirement(
        "B08.FR.01", "B08.FR.05", "B08.FR.11", "B08.FR.20", "B08.FR.21", "B08.FR.22", "B08.FR.23",
        "B08.FR.24", "B08.FR.25",
    )  # fmt: skip
    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            (ReportTarget(Component("reservationctrlr")), ["Available", "Enabled", "NonEvse"]),
            (
                ReportTarget(Component("AuthCtrlr"), Variable("ENABLED")),
                ["AuthCtrlr.Enabled"],
            ),
            (
                ReportTarget(Component("TariffCostCtrlr"), Variable("Available")),
                ["[Cost]", "[Tariff]"],
            ),
            (
                ReportTarget(Component("TariffCostCtrlr"), Variable("Available", "cost")),
                ["[Cost]"],
            ),
            (
                ReportTarget(Component("Connector"), Variable("ConnectorType")),
                ["@1.1", "@2.1", "@2.2"],
            ),
            (
                ReportTarget(Component("Connector", None, EvseRef(2)), Variable("ConnectorType")),
                ["@2.1", "@2.2"],
            ),
            (
                ReportTarget(
                    Component("Connector", None, EvseRef(2, 2)), Variable("ConnectorType")
                ),
                ["@2.2"],
            ),
            (
                ReportTarget(Component("NetworkConfiguration"), Variable("Identity")),
                ["[1]", "[2]", "[3]"],
            ),
            (
                ReportTarget(Component("NetworkConfiguration", "2"), Variable("Identity")),
                ["[2]"],
            ),
        ],
    )
    async def test_what_a_target_leaves_out_matches_all(
        self, parts: Provisioned, target: ReportTarget, expected: list[str]
    ) -> None:
        found = names(await report(parts, GetReport(1, (target,))))
        assert len(found) == len(expected)
        for name, part in zip(found, expected, strict=True):
            assert part in name

    @pytest.mark.requirement("B08.FR.15")
    @pytest.mark.parametrize(
        "request_",
        [
            GetReport(1, (ReportTarget(Component("Nope")),)),
            GetReport(1, (ReportTarget(Component("AuthCtrlr"), Variable("Nope")),)),
            GetReport(1, (ReportTarget(Component("EVSE", None, EvseRef(9))),)),
            GetReport(1, (ReportTarget(Component("AuthCtrlr", None, EvseRef(1))),)),
            GetReport(1, (), (PROBLEM,)),
        ],
    )
    async def test_nothing_found(self, parts: Provisioned, request_: GetReport) -> None:
        answer = parts.provisioning.reports.get_report(request_)
        assert answer.result == ReportResponse(ReportStatus.EMPTY_RESULT_SET)
        answer.then()
        await parts.world.tasks.settle()
        assert parts.world.csms.sent == []

    @pytest.mark.requirement("B08.FR.07", "B08.FR.08", "B08.FR.09", "B08.FR.10", "B08.FR.13")
    async def test_criteria_choose_components(self, parts: Provisioned) -> None:
        parts.model.set_actual(address("EVSE.Problem@2"), True)
        parts.model.set_actual(address("LocalAuthListCtrlr.Available"), False)
        parts.model.set_actual(address("LocalAuthListCtrlr.Enabled"), True)
        parts.model.set_actual(address("AuthCtrlr.Enabled"), False)

        async def components(*criteria: ComponentCriterion) -> set[str]:
            found = await report(parts, GetReport(1, (), criteria))
            return {str(each.address.component) for each in found}

        def of(text: str) -> str:
            return str(address(text + ".X").component)

        evse_2 = str(address("EVSE.X@2").component)
        assert await components(PROBLEM) == {evse_2}
        available = await components(AVAILABLE)
        assert of("LocalAuthListCtrlr") not in available
        assert {of("AuthCtrlr"), of("NetworkConfiguration[1]"), evse_2} <= available
        enabled = await components(ENABLED)
        assert of("AuthCtrlr") not in enabled
        assert {of("LocalAuthListCtrlr"), of("ChargingStation")} <= enabled
        assert await components(ENABLED, PROBLEM) == enabled | {evse_2}
        assert await components(ACTIVE) >= enabled  # B08.FR.07: none has the variable

    async def test_criteria_narrow_targets(self, parts: Provisioned) -> None:
        parts.model.set_actual(address("EVSE.Problem@2"), True)
        target = ReportTarget(Component("EVSE"), Variable("Power"))
        found = await report(parts, GetReport(1, (target,), (PROBLEM,)))
        assert names(found) == ["EVSE.Power@2"]

    @pytest.mark.requirement("B08.FR.02")
    async def test_criteria_that_are_not_supported(self, parts: Provisioned) -> None:
        parts.model.set_actual(InternalCtrlr.SupportedCriteria, "Available,Enabled")
        answer = parts.provisioning.reports.get_report(GetReport(1, (), (PROBLEM,)))
        assert answer.result.status is ReportStatus.NOT_SUPPORTED

    async def test_a_variable_named_twice_is_reported_once(self, parts: Provisioned) -> None:
        target = ReportTarget(Component("AuthCtrlr"), Variable("Enabled"))
        found = await report(parts, GetReport(1, (target, ReportTarget(Component("AuthCtrlr")))))
        assert names(found).count("AuthCtrlr.Enabled") == 1


@pytest.mark.requirement("B07.FR.13", "B08.FR.16")
async def test_too_many_at_once_are_rejected_until_they_are_sent(parts: Provisioned) -> None:
    reports = parts.provisioning.reports
    for _ in range(4):
        reports.get_base_report(GetBaseReport(1, SUMMARY)).then()
    assert reports.get_base_report(GetBaseReport(2, FULL)).result.status is ReportStatus.REJECTED
    await parts.world.tasks.settle()
    assert reports.get_base_report(GetBaseReport(3, FULL)).result.status is ReportStatus.ACCEPTED


async def test_a_csms_that_goes_away_gets_no_more_pages(parts: Provisioned) -> None:
    parts.model.set_actual(DeviceDataCtrlr.ItemsPerMessage_GetReport, 50)

    def fail(request: NotifyReport) -> Nothing:
        if request.seq_no == 1:
            raise Offline("gone")
        return Nothing()

    parts.world.csms.replies[NotifyReport] = fail
    for request_id in range(6):
        parts.world.csms.sent.clear()
        parts.provisioning.reports.get_base_report(GetBaseReport(request_id, FULL)).then()
        await parts.world.tasks.settle()
        assert len(parts.world.csms.sent) == 2
