"""Block B's variables with the shipped device model, on fakes."""

from collections.abc import Mapping

from ocppd.csms.v16.configuration_keys import ConfigurationKeys
from ocppd.csms.v16.spelling import MANNERS as MANNERS_OF_16
from ocppd.device_model.names import (
    LocalAuthListCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    ReservationCtrlr,
    SecurityCtrlr,
    SmartChargingCtrlr,
)
from ocppd.model.variables import (
    AttributeType,
    Component,
    ComponentVariable,
    EvseRef,
    GetVariable,
    GetVariableResult,
    SetVariable,
    SetVariableResult,
    Variable,
)
from ocppd.station.event_ids import EventIds
from ocppd.station.network_profiles import NetworkProfiles
from ocppd.station.provisioning import Provisioning
from ocppd.station.security import Security
from ocppd.station.variable_monitor import VariableMonitor
from ocppd.store.seed import build_device_model
from tests.fakes import World

PASSWORD = "0123456789ABCDEF"


def address(text: str) -> ComponentVariable:
    """Read `Component[instance].Variable[instance]@evse.connector`; `.Key` is a 1.6 key."""
    text, _, place = text.partition("@")
    component, _, variable = text.partition(".") if "]." not in text else text.partition("].")
    evse = None
    if place:
        evse_id, _, connector_id = place.partition(".")
        evse = EvseRef(int(evse_id), int(connector_id) if connector_id else None)
    return ComponentVariable(Component(*_instance(component), evse), Variable(*_instance(variable)))


def _instance(text: str) -> tuple[str, str | None]:
    name, bracket, instance = text.partition("[")
    return name, instance.removesuffix("]") if bracket else None


class Provisioned:
    """A station of two EVSEs, connected by slot 1, with a password, in 1.6 or 2.x."""

    def __init__(
        self, *, legacy: bool, custom: Mapping[str, ComponentVariable] | None = None
    ) -> None:
        self.world = World()
        if legacy:
            self.world.csms.manners = MANNERS_OF_16
        self.model = build_device_model(
            [["cType2"], ["cCCS2", "cG105"]],
            slots=3,
            values={
                NetworkConfiguration.OcppCsmsUrl(1): "ws://csms.example/ocpp",
                NetworkConfiguration.Identity(1): "CS1",
                NetworkConfiguration.SecurityProfile(1): 1,
                NetworkConfiguration.BasicAuthPassword(1): PASSWORD,
                SecurityCtrlr.Identity: "CS1",
                SecurityCtrlr.SecurityProfile: 1,
                OCPPCommCtrlr.NetworkConfigurationPriority: "1",
            },
            store=self.world.store,
        )
        for flag in (LocalAuthListCtrlr, ReservationCtrlr, SmartChargingCtrlr):
            self.model.set_actual(flag.Available, True)
        self.log: list[str] = []
        outside = self.world.outside
        self.keys = ConfigurationKeys(
            self.model,
            active=lambda: self.world.csms.manners.names_transactions,
            custom=custom,
            has_firmware_management=True,
        )
        security = Security(outside, self)
        self.provisioning = Provisioning(outside, self.model, self.keys, security)
        self.network_profiles = NetworkProfiles(
            outside,
            self.model,
            self.provisioning.connection_settings,
            self.provisioning.trials,
            security,
        )
        self.device_model = self.model
        self.monitor = VariableMonitor(outside, self.model, self.keys, EventIds(outside.store))
        self.model.set_actual(OCPPCommCtrlr.ActiveNetworkProfile, 1)
        self.world.store.units.clear()
        self.world.store.attributes.clear()

    def append(self, line: str) -> None:
        self.log.append(line)

    def get(
        self, text: str, kind: AttributeType | None = None, source: str = "hmi"
    ) -> GetVariableResult:
        [result] = self.provisioning.get_variables(
            [GetVariable(address(text), kind)], source
        ).result
        return result

    def set(
        self, text: str, value: str, kind: AttributeType | None = None, source: str = "hmi"
    ) -> SetVariableResult:
        item = SetVariable(address(text), value, kind)
        answer = self.provisioning.set_variables([item], source)
        answer.then()
        [result] = answer.result
        return result

    def value(self, text: str) -> str:
        return self.model.text(address(text))
