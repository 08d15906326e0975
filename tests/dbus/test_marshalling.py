"""Each payload of the contract, as it comes in and as it goes out."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling import sessions, tokens, variables
from ocppd.dbus.marshalling.plain import plain, variants
from ocppd.errors import InvalidArgument
from ocppd.model.events import EventData, EventNotification, EventTrigger
from ocppd.model.sessions import (
    EvInfo,
    EvseLimits,
    HwCapabilities,
    PauseReason,
    PerPhase,
    Powermeter,
    SessionEvent,
    SessionEventType,
    SessionStartReason,
    SignedMeterValue,
    SignedPerPhase,
    StopReason,
    Temperature,
)
from ocppd.model.tokens import (
    AdditionalInfo,
    AuthorizationStatus,
    AuthorizationType,
    CertificateHashData,
    CertificateStatus,
    IdToken,
    IdTokenType,
    MessageContent,
    MessageFormat,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.model.variables import (
    AttributeType,
    Component,
    ComponentVariable,
    EvseRef,
    GetVariableResult,
    GetVariableStatus,
    SetVariableResult,
    SetVariableStatus,
    Variable,
)

AT = "2026-11-22T15:00:00.250Z"
MOMENT = datetime(2026, 11, 22, 15, 0, 0, 250_000, tzinfo=UTC)
SIGNED = {
    "signed_meter_data": "OCMF|{}|{}",
    "signing_method": "ECDSA",
    "encoding_method": "OCMF",
    "public_key": "3059",
    "timestamp": AT,
}
SIGNED_VALUE = SignedMeterValue("OCMF|{}|{}", "ECDSA", "OCMF", "3059", MOMENT)
ID_TOKEN = {
    "value": "04A2",
    "type": "ISO14443",
    "additional_info": [{"value": "x", "type": "y"}],
}
TOKEN = IdToken("04A2", IdTokenType.ISO14443, (AdditionalInfo("x", "y"),))
PROVIDED = {
    "id_token": ID_TOKEN,
    "authorization_type": "RFID",
    "request_id": 7,
    "parent_id_token": {"value": "P", "type": "Central"},
    "connectors": [1, 2],
    "prevalidated": True,
    "certificate": "PEM",
    "iso15118CertificateHashData": [
        {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "a",
            "issuerKeyHash": "b",
            "serialNumber": "c",
            "responderURL": "http://x",
        }
    ],
}
PROVIDED_TOKEN = ProvidedIdToken(
    TOKEN,
    AuthorizationType.RFID,
    7,
    IdToken("P", IdTokenType.CENTRAL),
    (1, 2),
    True,
    "PEM",
    (CertificateHashData("SHA256", "a", "b", "c", "http://x"),),
)
METER = {
    "timestamp": AT,
    "energy_Wh_import": {"total": 1234.5, "L1": 1.0, "L2": 2.0, "L3": 3.0},
    "energy_Wh_export": {"total": 1},
    "power_W": {"total": 11000.0},
    "VAR": {"total": 5.0},
    "voltage_V": {"DC": 400.0, "L1": 230.0, "L2": 231.0, "L3": 232.0},
    "current_A": {"DC": 1.0, "L1": 16.0, "L2": 16.0, "L3": 16.0, "N": 0.1},
    "frequency_Hz": {"L1": 50.0},
    "energy_Wh_import_signed": {"total": SIGNED},
    "energy_Wh_export_signed": {"L1": SIGNED},
    "power_W_signed": {"L2": SIGNED},
    "VAR_signed": {"L3": SIGNED},
    "voltage_V_signed": {"DC": SIGNED},
    "current_A_signed": {"N": SIGNED},
    "frequency_Hz_signed": {"L1": SIGNED},
    "signed_meter_value": SIGNED,
    "meter_id": "m1",
    "phase_seq_error": False,
    "temperatures": [{"temperature": 25.5, "identification": "i", "location": "Body"}],
}
METER_VALUE = Powermeter(
    timestamp=MOMENT,
    energy_wh_import=PerPhase(1234.5, None, 1.0, 2.0, 3.0),
    energy_wh_export=PerPhase(1.0),
    power_w=PerPhase(11000.0),
    var=PerPhase(5.0),
    voltage_v=PerPhase(None, 400.0, 230.0, 231.0, 232.0),
    current_a=PerPhase(None, 1.0, 16.0, 16.0, 16.0, 0.1),
    frequency_hz=PerPhase(l1=50.0),
    energy_wh_import_signed=SignedPerPhase(total=SIGNED_VALUE),
    energy_wh_export_signed=SignedPerPhase(l1=SIGNED_VALUE),
    power_w_signed=SignedPerPhase(l2=SIGNED_VALUE),
    var_signed=SignedPerPhase(l3=SIGNED_VALUE),
    voltage_v_signed=SignedPerPhase(dc=SIGNED_VALUE),
    current_a_signed=SignedPerPhase(n=SIGNED_VALUE),
    frequency_hz_signed=SignedPerPhase(l1=SIGNED_VALUE),
    signed_meter_value=SIGNED_VALUE,
    meter_id="m1",
    phase_seq_error=False,
    temperatures=(Temperature(25.5, "i", "Body"),),
)
SMALL_METER = {"timestamp": AT, "energy_Wh_import": {"total": 5}}
SMALL_METER_VALUE = Powermeter(MOMENT, PerPhase(5.0))


def event(kind: str, **parts: Any) -> dict[str, Variant]:
    return variants({"uuid": "s1", "timestamp": AT, "event": kind, **parts})


def test_a_whole_reading() -> None:
    assert sessions.powermeter(variants(METER)) == METER_VALUE
    assert {field.name for field in fields(Powermeter)} == {
        field.name for field in fields(Powermeter) if getattr(METER_VALUE, field.name) is not None
    }, "the example above leaves nothing out"


def test_a_presented_token_comes_in_and_goes_out_the_same() -> None:
    assert tokens.read_provided_id_token(variants(PROVIDED)) == PROVIDED_TOKEN
    assert plain(tokens.provided_id_token(PROVIDED_TOKEN)) == PROVIDED
    least = ProvidedIdToken(IdToken("1", IdTokenType.CENTRAL), AuthorizationType.OCPP)
    written = tokens.provided_id_token(least)
    assert plain(written) == {
        "id_token": {"value": "1", "type": "Central"},
        "authorization_type": "OCPP",
    }
    assert tokens.read_provided_id_token(written) == least


SESSION_EVENTS = [
    (
        event(
            "SessionStarted",
            connector_id=2,
            source="evse_manager",
            session_started={
                "reason": "Authorized",
                "meter_value": METER,
                "id_tag": PROVIDED,
                "signed_meter_value": SIGNED,
                "reservation_id": 4,
                "logging_path": "/var/log/x",
            },
        ),
        SessionEvent(
            "s1",
            MOMENT,
            SessionEventType.SESSION_STARTED,
            2,
            METER_VALUE,
            SIGNED_VALUE,
            None,
            PROVIDED_TOKEN,
            4,
            SessionStartReason.AUTHORIZED,
            source="evse_manager",
            logging_path="/var/log/x",
        ),
    ),
    (
        event("SessionFinished", session_finished={"meter_value": SMALL_METER}),
        SessionEvent(
            "s1", MOMENT, SessionEventType.SESSION_FINISHED, meter_value=SMALL_METER_VALUE
        ),
    ),
    (
        event(
            "TransactionStarted",
            transaction_started={
                "id_tag": PROVIDED,
                "meter_value": SMALL_METER,
                "signed_meter_value": SIGNED,
                "reservation_id": 4,
            },
        ),
        SessionEvent(
            "s1",
            MOMENT,
            SessionEventType.TRANSACTION_STARTED,
            meter_value=SMALL_METER_VALUE,
            signed_meter_value=SIGNED_VALUE,
            id_token=PROVIDED_TOKEN,
            reservation_id=4,
        ),
    ),
    (
        event(
            "TransactionFinished",
            transaction_finished={
                "meter_value": SMALL_METER,
                "start_signed_meter_value": SIGNED,
                "signed_meter_value": SIGNED,
                "reason": "StoppedByEV",
                "id_tag": PROVIDED,
            },
        ),
        SessionEvent(
            "s1",
            MOMENT,
            SessionEventType.TRANSACTION_FINISHED,
            meter_value=SMALL_METER_VALUE,
            signed_meter_value=SIGNED_VALUE,
            start_signed_meter_value=SIGNED_VALUE,
            id_token=PROVIDED_TOKEN,
            stop_reason=StopReason.STOPPED_BY_EV,
        ),
    ),
    (
        event("ChargingPausedEVSE", charging_paused_evse={"reasons": ["UserPause", "NoEnergy"]}),
        SessionEvent(
            "s1",
            MOMENT,
            SessionEventType.CHARGING_PAUSED_EVSE,
            pause_reasons=(PauseReason.USER_PAUSE, PauseReason.NO_ENERGY),
        ),
    ),
    (
        event("ChargingStarted", charging_state_changed_event={"meter_value": SMALL_METER}),
        SessionEvent(
            "s1", MOMENT, SessionEventType.CHARGING_STARTED, meter_value=SMALL_METER_VALUE
        ),
    ),
    (
        event("Authorized", authorization_event={"meter_value": SMALL_METER}),
        SessionEvent("s1", MOMENT, SessionEventType.AUTHORIZED, meter_value=SMALL_METER_VALUE),
    ),
    (
        event("Disabled", connector_id=0),
        SessionEvent("s1", MOMENT, SessionEventType.DISABLED, 0),
    ),
]


@pytest.mark.parametrize(
    ("written", "meant"), SESSION_EVENTS, ids=[meant.event for _, meant in SESSION_EVENTS]
)
def test_session_events(written: dict[str, Variant], meant: SessionEvent) -> None:
    assert sessions.session_event(written) == meant


@pytest.mark.parametrize("kind", list(SessionEventType))
def test_every_event_needs_its_part_and_no_other(kind: SessionEventType) -> None:
    parts = {
        "SessionStarted": "session_started",
        "SessionFinished": "session_finished",
        "TransactionStarted": "transaction_started",
        "TransactionFinished": "transaction_finished",
    }
    if kind in parts:
        with pytest.raises(InvalidArgument, match=rf"^event\.{parts[kind]}: missing$"):
            sessions.session_event(event(kind))
    else:
        assert sessions.session_event(event(kind)).event is kind
        foreign = {"session_finished": {"meter_value": SMALL_METER}}
        told = rf"^event\.session_finished: belongs to SessionFinished, not to {kind}$"
        with pytest.raises(InvalidArgument, match=told):
            sessions.session_event(event(kind, **foreign))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (event("Charging"), r"^event\.event: \"Charging\" is none of"),
        (variants({"timestamp": AT, "event": "Enabled"}), r"^event\.uuid: missing$"),
        (
            variants({"uuid": "", "timestamp": AT, "event": "Enabled"}),
            r"^event\.uuid: empty$",
        ),
        (
            variants({"uuid": "x" * 37, "timestamp": AT, "event": "Enabled"}),
            r"^event\.uuid: longer than 36 characters$",
        ),
        (
            event("SessionFinished", session_finished={"meter_value": {"timestamp": AT}}),
            r"^event\.session_finished\.meter_value\.energy_Wh_import: missing$",
        ),
        (
            event(
                "TransactionStarted",
                transaction_started={
                    "meter_value": SMALL_METER,
                    "id_tag": {"id_token": {"value": "1", "type": "RFID"}},
                },
            ),
            r"^event\.transaction_started\.id_tag\.id_token\.type: \"RFID\" is none of",
        ),
    ],
)
def test_mistakes_in_session_events(written: dict[str, Variant], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        sessions.session_event(written)


def test_what_else_the_host_reports_of_an_evse() -> None:
    assert sessions.ev_info(variants({"soc": 55, "evcc_id": "e", "departure_time": AT})) == EvInfo(
        soc=55.0, evcc_id="e", departure_time=MOMENT
    )
    assert sessions.ev_info({}) == EvInfo()
    with pytest.raises(InvalidArgument, match=r"^ev_info\.soc: 101 is not in 0 to 100$"):
        sessions.ev_info(variants({"soc": 101}))
    capabilities = {
        "max_current_A_import": 32,
        "min_current_A_import": 6.0,
        "max_phase_count_import": 3,
        "min_phase_count_import": 1,
        "max_current_A_export": 0,
        "min_current_A_export": 0,
        "max_phase_count_export": 0,
        "min_phase_count_export": 0,
        "supports_changing_phases_during_charging": True,
        "connector_type": "IEC62196Type2Socket",
        "supports_cp_state_E": False,
        "max_plug_temperature_C": 80,
    }
    assert sessions.hw_capabilities(variants(capabilities)) == HwCapabilities(
        32, 6, 3, 1, 0, 0, 0, 0, True, "IEC62196Type2Socket", False, 80
    )
    assert sessions.evse_limits(
        variants({"uuid": "u", "max_current": 16, "nr_of_phases_available": 3})
    ) == EvseLimits("u", 16.0, 3)
    assert sessions.evse_limits(
        variants({"max_current": 16, "nr_of_phases_available": 3})
    ) == EvseLimits(None, 16.0, 3)
    assert sessions.energy_transfer_modes(["AC_BPT", "MCS"]) == ("AC_BPT", "MCS")
    with pytest.raises(InvalidArgument, match=r"^modes\[1\]: \"AC\" is none of"):
        sessions.energy_transfer_modes(["DC", "AC"])
    assert sessions.public_key("30") == "30"
    with pytest.raises(InvalidArgument, match=r"^public_key: longer than 2500 characters$"):
        sessions.public_key("x" * 2501)


CV = ComponentVariable(Component("C", "ci", EvseRef(1, 2)), Variable("V", "vi"))
CV_WRITTEN = {
    "component": {"name": "C", "instance": "ci", "evse": {"id": 1, "connector_id": 2}},
    "variable": {"name": "V", "instance": "vi"},
}


def test_variables() -> None:
    short = {"component": {"name": "C"}, "variable": {"name": "V"}}
    raw = [
        variants({"component_variable": CV_WRITTEN, "attribute_type": "Target"}),
        variants({"component_variable": short}),
    ]
    items = variables.get_variables(raw)
    assert [item.address for item in items] == [
        CV,
        ComponentVariable(Component("C"), Variable("V")),
    ]
    assert [item.attribute_type for item in items] == [AttributeType.TARGET, None]
    results = [
        GetVariableResult(items[0].address, GetVariableStatus.ACCEPTED, "1", AttributeType.TARGET),
        GetVariableResult(
            ComponentVariable(Component(""), Variable("V")), GetVariableStatus.UNKNOWN_VARIABLE
        ),
    ]
    assert plain(variables.get_variable_results(results, items, raw)) == [
        {
            "status": "Accepted",
            "component_variable": CV_WRITTEN,
            "attribute_type": "Target",
            "value": "1",
        },
        {
            "status": "UnknownVariable",
            "component_variable": {"component": {"name": ""}, "variable": {"name": "V"}},
        },
    ]
    echoed = [GetVariableResult(items[1].address, GetVariableStatus.REJECTED)]
    assert plain(variables.get_variable_results(echoed, items[1:], raw[1:])) == [
        {"status": "Rejected", "component_variable": short}
    ]


def test_variables_to_write_and_to_monitor() -> None:
    raw = [variants({"component_variable": CV_WRITTEN, "value": "x" * 1000})]
    [item] = items = variables.set_variables(raw)
    assert (item.address, item.value, item.attribute_type) == (CV, "x" * 1000, None)
    results = [SetVariableResult(CV, SetVariableStatus.REBOOT_REQUIRED, AttributeType.ACTUAL)]
    assert plain(variables.set_variable_results(results, items, raw)) == [
        {
            "status": "RebootRequired",
            "component_variable": CV_WRITTEN,
            "attribute_type": "Actual",
        }
    ]
    with pytest.raises(InvalidArgument, match=r"^requests\[0\]\.value: longer than 1000"):
        variables.set_variables([variants({"component_variable": CV_WRITTEN, "value": "x" * 1001})])
    with pytest.raises(InvalidArgument, match=r"^requests\[0\]\.value: missing$"):
        variables.set_variables([variants({"component_variable": CV_WRITTEN})])
    assert variables.component_variables([variants(CV_WRITTEN)]) == [CV]
    with pytest.raises(InvalidArgument, match=r"^component_variables\[0\]\.variable: missing$"):
        variables.component_variables([variants({"component": {"name": "C"}})])
    with pytest.raises(InvalidArgument, match=r"^requests: more than 1000 items$"):
        variables.get_variables([{}] * 1001)


def test_an_address_that_is_known_is_read_as_strictly_as_a_new_one() -> None:
    names = {"component": {"name": "Known"}, "variable": {"name": "V"}}
    known = ComponentVariable(Component("Known"), Variable("V"))
    for _ in range(2):
        assert variables.component_variables([variants(names)]) == [known]
    other = {**names, "variable": {"name": "V", "instance": "i"}}
    assert variables.component_variables([variants(other)])[0].variable.instance == "i"
    for written, told in (
        ({**names, "more": 1}, r"\.more: unknown key$"),
        ({**names, "variable": "V"}, r"\.variable: must be a dictionary, is a string$"),
        ({**names, "variable": {"name": 1}}, r"\.variable\.name: must be a string, is i$"),
        ({**names, "variable": {"Name": "V"}}, r"\.variable\.Name: unknown key$"),
    ):
        with pytest.raises(InvalidArgument, match=rf"^component_variables\[0\]{told}"):
            variables.component_variables([variants(written)])


def test_the_evse_of_a_component_goes_out_as_int32_however_it_came_in() -> None:
    raw = [
        {
            "component_variable": Variant(
                "a{sv}",
                {
                    "component": Variant(
                        "a{sv}",
                        {
                            "name": Variant("s", "C"),
                            "evse": Variant("a{sv}", {"id": Variant("t", 1)}),
                        },
                    ),
                    "variable": Variant("a{sv}", {"name": Variant("s", "V")}),
                },
            )
        }
    ]
    items = variables.get_variables(raw)
    [written] = variables.get_variable_results(
        [GetVariableResult(items[0].address, GetVariableStatus.REJECTED)], items, raw
    )
    evse = written["component_variable"].value["component"].value["evse"]
    assert evse.value["id"] == Variant("i", 1)


def test_an_event_of_a_monitored_variable() -> None:
    written = variables.event_data(
        EventData(
            CV,
            3,
            MOMENT,
            EventTrigger.ALERTING,
            "7",
            EventNotification.CUSTOM_MONITOR,
            cause=2,
            tech_code="t",
            cleared=False,
            variable_monitoring_id=9,
        )
    )
    assert plain(written) == {
        "component_variable": CV_WRITTEN,
        "event_id": 3,
        "timestamp": AT,
        "trigger": "Alerting",
        "actual_value": "7",
        "event_notification_type": "CustomMonitor",
        "cause": 2,
        "tech_code": "t",
        "cleared": False,
        "variable_monitoring_id": 9,
    }
    assert written["event_id"].signature == "i"


def test_a_validation_result() -> None:
    result = ValidationResult(
        AuthorizationStatus.ACCEPTED,
        (MessageContent("hi", MessageFormat.UTF8, "en"), MessageContent("ho")),
        CertificateStatus.ACCEPTED,
        MOMENT,
        IdToken("P", IdTokenType.CENTRAL),
        (1, 2),
        5,
        ("AC_BPT",),
    )
    written = tokens.validation_result(result)
    assert plain(written) == {
        "authorization_status": "Accepted",
        "tariff_messages": [
            {"content": "hi", "format": "UTF8", "language": "en"},
            {"content": "ho"},
        ],
        "certificate_status": "Accepted",
        "expiry_time": AT,
        "parent_id_token": {"value": "P", "type": "Central"},
        "evse_ids": [1, 2],
        "reservation_id": 5,
        "allowed_energy_transfer_modes": ["AC_BPT"],
    }
    least = tokens.validation_result(ValidationResult(AuthorizationStatus.UNKNOWN))
    assert least["tariff_messages"] == Variant("aa{sv}", [])
    assert set(least) == {"authorization_status", "tariff_messages"}
    assert plain(tokens.validate_result_update(2, result))["connector_id"] == 2
