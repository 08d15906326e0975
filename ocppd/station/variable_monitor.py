"""Variables that the host watches: MonitorVariables, and the signal EventData.

These monitors are no monitors of OCPP: the CSMS does not see them, and they end with the daemon.
"""

import logging
from collections.abc import Sequence

from ocppd.device_model.device_model import LONGEST_VALUE, DeviceModel
from ocppd.model.events import EventData, EventNotification, EventTrigger
from ocppd.model.variables import Component, ComponentVariable, Mutability, Variable
from ocppd.station.event_ids import EventIds
from ocppd.station.ports import LegacyKeys, Outside

_LOG = logging.getLogger(__name__)

_MOST_FORMS = 10_000

_Folded = tuple[str, str, int | None, int | None, str, str]


class VariableMonitor:
    """Tells the host of each change of the actual value of what it watches, whoever made it.

    A change is told once for each form in which the variable was asked for. Nothing is told of the
    value of a WriteOnly variable but that it changed.
    """

    def __init__(
        self, outside: Outside, device_model: DeviceModel, keys: LegacyKeys, event_ids: EventIds
    ) -> None:
        self._clock = outside.clock
        self._host = outside.host
        self._device_model = device_model
        self._keys = keys
        self._event_ids = event_ids
        self._forms: dict[_Folded, dict[ComponentVariable, None]] = {}
        self._key_forms: dict[str, ComponentVariable] = {}
        self._count = 0
        device_model.observe(None, self._on_change)

    def monitor(self, addresses: Sequence[ComponentVariable]) -> None:
        """Watch more variables; what is watched already stays so once, in each form.

        An unknown configuration key is left out; an unknown variable may come to be later.
        """
        for address in addresses:
            if self._count >= _MOST_FORMS:
                _LOG.warning("More than %d variables are to be watched; left out", _MOST_FORMS)
                return
            if address.component.name:
                forms = self._forms.setdefault(_folded(address), {})
                self._count += address not in forms
                forms[address] = None
            else:
                self._monitor_key(address.variable.name)

    def _monitor_key(self, name: str) -> None:
        if not self._keys.active:
            _LOG.warning("%s cannot be watched: OCPP 2.x has no configuration keys", name)
        elif self._keys.read(name) is None:
            _LOG.warning("%s cannot be watched: there is no such configuration key", name)
        else:
            self._count += name not in self._key_forms
            self._key_forms[name] = ComponentVariable(Component(""), Variable(name))

    def _on_change(self, address: ComponentVariable, _old: str, new: str, _source: str) -> None:
        forms = self._forms.get(_folded(address)) if self._forms else None
        if forms:
            variable = self._device_model.find(address)
            if variable is None or variable.actual is None:
                return
            secret = variable.actual.definition.mutability is Mutability.WRITE_ONLY
            for form in forms:
                self._tell(form, "" if secret else new)
        for name, form in self._key_forms.items():
            # Which variable is behind a key may depend on the connection profile in use.
            if self._keys.address_of(name) == address:
                key = self._keys.read(name)
                self._tell(form, (key.value or "") if key is not None else "")

    def _tell(self, form: ComponentVariable, value: str) -> None:
        self._host.event_data(
            EventData(
                address=form,
                event_id=self._event_ids.next(),
                timestamp=self._clock.now(),
                trigger=EventTrigger.ALERTING,
                actual_value=value[:LONGEST_VALUE],
                event_notification_type=EventNotification.CUSTOM_MONITOR,
            )
        )


def _folded(address: ComponentVariable) -> _Folded:
    component, variable = address.component, address.variable
    evse = component.evse
    return (
        component.name.casefold(),
        (component.instance or "").casefold(),
        evse.id if evse is not None else None,
        evse.connector_id if evse is not None else None,
        variable.name.casefold(),
        (variable.instance or "").casefold(),
    )
