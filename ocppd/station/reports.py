"""Reports of the device model to the CSMS (B07, B08)."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from ocppd.device_model.device_model import LONGEST_VALUE, DeviceModel, ModelVariable
from ocppd.device_model.names import DeviceDataCtrlr, InternalCtrlr
from ocppd.errors import CsmsError
from ocppd.model.provisioning import (
    ComponentCriterion,
    GetBaseReport,
    GetReport,
    NotifyReport,
    ReportBase,
    ReportData,
    ReportedAttribute,
    ReportResponse,
    ReportStatus,
    ReportTarget,
)
from ocppd.model.variables import ComponentVariable, Mutability, StatusInfo
from ocppd.station.answer import Answer, nothing
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

_MOST_AT_ONCE = 4
# What frame, envelope and one variable's punctuation take at most, with every member there is.
_FRAME_BYTES = 300
_VARIABLE_BYTES = 300
_ATTRIBUTE_BYTES = 100
_SUMMARY = "availabilitystate"
_ABNORMAL = ("problem", "tripped", "overload", "fallback")

Page = tuple[ReportData, ...]


class Reports:
    """Says which variables there are, and what they are now, page by page."""

    def __init__(self, outside: Outside, device_model: DeviceModel) -> None:
        self._clock = outside.clock
        self._csms = outside.csms
        self._tasks = outside.tasks
        self._device_model = device_model
        self._running = 0

    def get_base_report(self, request: GetBaseReport) -> Answer[ReportResponse]:
        """Report an inventory (B07)."""
        match request.report_base:
            case ReportBase.FULL_INVENTORY:  # B07.FR.08
                chosen = list(self._device_model.variables())
            case ReportBase.CONFIGURATION_INVENTORY:  # B07.FR.07
                chosen = [each for each in self._device_model.variables() if _is_setting(each)]
            case ReportBase.SUMMARY_INVENTORY:  # B07.FR.09
                chosen = [each for each in self._device_model.variables() if _is_summary(each)]
        return self._report(request.request_id, chosen)

    def get_report(self, request: GetReport) -> Answer[ReportResponse]:
        """Report the variables that are named, of the components that meet the criteria (B08)."""
        supported = self._device_model.members(InternalCtrlr.SupportedCriteria)
        unsupported = [each for each in request.criteria if each not in supported]
        if unsupported:  # B08.FR.02
            info = StatusInfo("UnsupportedParam", "criteria: " + ",".join(unsupported))
            return Answer(ReportResponse(ReportStatus.NOT_SUPPORTED, info))
        chosen = [
            variable
            for component in self._device_model.components()
            if _meets(component, request.criteria)
            for variable in component
            if _is_target(variable.address, request.targets)
        ]
        if not chosen:  # B08.FR.15
            return Answer(ReportResponse(ReportStatus.EMPTY_RESULT_SET))
        return self._report(request.request_id, chosen)

    def _report(
        self, request_id: int, variables: Sequence[ModelVariable]
    ) -> Answer[ReportResponse]:
        if self._running >= _MOST_AT_ONCE:  # B07.FR.13, B08.FR.16
            info = StatusInfo("Unspecified", "other reports are still being sent")
            return Answer(ReportResponse(ReportStatus.REJECTED, info))

        def then() -> None:
            self._running += 1
            self._tasks.start(self._send(request_id, variables), f"report {request_id}")

        return Answer(ReportResponse(ReportStatus.ACCEPTED), then, unsaid=nothing)

    async def _send(self, request_id: int, variables: Sequence[ModelVariable]) -> None:
        """Send the pages, one after the other; a CSMS that went away has to ask again."""
        generated_at = self._clock.now()
        try:
            pages = self._pages(variables)
            page: Page | None = next(pages, ())
            seq_no = 0
            while page is not None:
                following = next(pages, None)
                # Asked for by the CSMS, so it may go out while the boot is pending (B02).
                await self._csms.call(
                    NotifyReport(request_id, generated_at, seq_no, following is not None, page),
                    triggered=True,
                )
                page, seq_no = following, seq_no + 1
        except CsmsError as error:
            _LOG.info("Report %d was not sent to its end: %s", request_id, error)
        finally:
            self._running -= 1

    def _pages(self, variables: Iterable[ModelVariable]) -> Iterator[Page]:
        """Cut a report so that no CALL has more items or bytes than the limits say."""
        model = self._device_model
        most_items = model.integer(DeviceDataCtrlr.ItemsPerMessage_GetReport) or 1_000_000
        limits = (InternalCtrlr.MaxMessageSize, DeviceDataCtrlr.BytesPerMessage_GetReport)
        most_bytes = min(model.integer(limit) or 1_000_000 for limit in limits) - _FRAME_BYTES
        longest = model.integer(DeviceDataCtrlr.ReportingValueSize) or LONGEST_VALUE
        page: list[ReportData] = []
        size = 0
        for variable in variables:
            data = _report_data(variable, longest)
            data_size = _size(data)
            if page and (len(page) >= most_items or size + data_size > most_bytes):
                yield tuple(page)
                page, size = [], 0
            page.append(data)
            size += data_size
        if page:
            yield tuple(page)


def _report_data(variable: ModelVariable, longest: int) -> ReportData:
    """Return a variable with all its attributes, unset ones too (B07.FR.11)."""
    attributes = []
    for kind, attribute in variable.attributes.items():
        definition = attribute.definition
        value = variable.readable_value_of(attribute)  # B07.FR.03: None if WriteOnly
        if value is not None and len(value) > longest:
            value = value[:longest]
        attributes.append(
            ReportedAttribute(
                kind, definition.mutability, value, definition.persistent, definition.constant
            )
        )
    return ReportData(variable.address, tuple(attributes), variable.characteristics)


def _size(data: ReportData) -> int:
    """Return how many bytes of JSON this takes at most."""
    component, variable = data.address.component, data.address.variable
    size = _VARIABLE_BYTES + len(component.name) + len(variable.name)
    for text in (component.instance, variable.instance):
        size += _text_size(text) if text else 0
    for value in data.characteristics.values_list:
        size += _text_size(value) + 1
    for attribute in data.attributes:
        size += _ATTRIBUTE_BYTES + (_text_size(attribute.value) if attribute.value else 0)
    return size


def _text_size(text: str) -> int:
    """Return how many bytes a text takes at most: JSON may escape a character with up to twelve."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text)
    return 12 * len(text)


def _is_setting(variable: ModelVariable) -> bool:
    """Tell whether the operator can set any attribute."""
    return any(
        attribute.definition.mutability is not Mutability.READ_ONLY
        for attribute in variable.attributes.values()
    )


def _is_summary(variable: ModelVariable) -> bool:
    """Tell whether a variable says that something can be used, or is wrong now."""
    name = variable.address.variable.name.casefold()
    if name == _SUMMARY:
        return True
    return name in _ABNORMAL and variable.actual is not None and variable.actual.value == "true"


def _meets(component: Sequence[ModelVariable], criteria: Sequence[ComponentCriterion]) -> bool:
    """Tell whether a component meets any of the criteria; without criteria it does (B08.FR.13)."""
    return not criteria or any(_meets_one(component, each) for each in criteria)


def _meets_one(component: Sequence[ModelVariable], criterion: ComponentCriterion) -> bool:
    name = criterion.value.casefold()
    for variable in component:
        address = variable.address.variable
        if address.name.casefold() == name and not address.instance and variable.actual:
            return variable.value_of(variable.actual) == "true"
    # B08.FR.07 to FR.09: without the variable it is; B08.FR.10: but it has no problem.
    return criterion is not ComponentCriterion.PROBLEM


def _is_target(address: ComponentVariable, targets: Sequence[ReportTarget]) -> bool:
    """Tell whether a variable is asked for; without targets all are."""
    return not targets or any(_matches(address, target) for target in targets)


def _matches(address: ComponentVariable, target: ReportTarget) -> bool:
    """Compare with a target; what it leaves out matches anything (B08.FR.20 to FR.25)."""
    component, wanted = address.component, target.component
    if component.name.casefold() != wanted.name.casefold():
        return False
    if wanted.instance and (component.instance or "").casefold() != wanted.instance.casefold():
        return False
    if wanted.evse is not None:
        evse = component.evse
        if evse is None or evse.id != wanted.evse.id:
            return False
        if wanted.evse.connector_id not in (None, evse.connector_id):
            return False
    if target.variable is None:
        return True
    variable = address.variable
    if variable.name.casefold() != target.variable.name.casefold():
        return False
    instance = target.variable.instance
    return not instance or (variable.instance or "").casefold() == instance.casefold()
