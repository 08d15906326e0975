import pytest

from ocppd.model.events import EventData, EventNotification, EventTrigger
from ocppd.model.variables import AttributeType
from tests.fakes import START
from tests.station.provisioned import Provisioned, address

INTERVAL = "OCPPCommCtrlr.HeartbeatInterval"


@pytest.fixture
def legacy() -> Provisioned:
    return Provisioned(legacy=True)


@pytest.fixture
def modern() -> Provisioned:
    return Provisioned(legacy=False)


def watch(parts: Provisioned, *texts: str) -> None:
    parts.monitor.monitor([address(text) for text in texts])


def heard(parts: Provisioned) -> list[tuple[str, str]]:
    events: list[EventData] = parts.world.host.of("event_data")
    return [(str(event.address), event.actual_value) for event in events]


def test_the_content_of_an_event(modern: Provisioned) -> None:
    watch(modern, INTERVAL)
    modern.set(INTERVAL, "60", source="csms")
    assert modern.world.host.of("event_data") == [
        EventData(
            address(INTERVAL),
            1,
            START,
            EventTrigger.ALERTING,
            "60",
            EventNotification.CUSTOM_MONITOR,
        )
    ]


@pytest.mark.parametrize("source", ["csms", "hmi"])
def test_it_fires_for_a_change_whoever_made_it(modern: Provisioned, source: str) -> None:
    watch(modern, INTERVAL)
    modern.set(INTERVAL, "60", source=source)
    modern.set(INTERVAL, "60", source=source)
    modern.set(INTERVAL, "x", source=source)
    modern.model.set_actual(address(INTERVAL), 70)
    assert heard(modern) == [(INTERVAL, "60"), (INTERVAL, "70")]


def test_telemetry_fires_too(modern: Provisioned) -> None:
    watch(modern, "EVSE.Power@1", "Connector.AvailabilityState@2.1")
    modern.model.set_actual(address("EVSE.Power@1"), 11000.5)
    modern.model.set_actual(address("EVSE.Power@2"), 1)
    modern.model.set_actual(address("Connector.AvailabilityState@2.1"), "Occupied")
    assert heard(modern) == [
        ("EVSE.Power@1", "11000.5"),
        ("Connector.AvailabilityState@2.1", "Occupied"),
    ]


def test_only_actual_values(modern: Provisioned) -> None:
    watch(modern, "EVSE.Power@1")
    modern.set("EVSE.Power@1", "5000", AttributeType.MAX_SET)
    assert heard(modern) == []


def test_it_adds_up_and_repeats_nothing(modern: Provisioned) -> None:
    for _ in range(3):
        watch(modern, INTERVAL, INTERVAL)
        watch(modern, "AuthCtrlr.Enabled")
    modern.set(INTERVAL, "60")
    modern.set("AuthCtrlr.Enabled", "false")
    assert heard(modern) == [(INTERVAL, "60"), ("AuthCtrlr.Enabled", "false")]


def test_each_form_is_told_as_it_was_asked_for(legacy: Provisioned) -> None:
    watch(legacy, INTERVAL, ".HeartbeatInterval", "ocppcommctrlr.heartbeatinterval")
    legacy.set(".HeartbeatInterval", "60", source="csms")
    assert heard(legacy) == [
        (INTERVAL, "60"),
        ("ocppcommctrlr.heartbeatinterval", "60"),
        (".HeartbeatInterval", "60"),
    ]


def test_unknown_targets(
    legacy: Provisioned, modern: Provisioned, caplog: pytest.LogCaptureFixture
) -> None:
    watch(legacy, ".Nope", ".AuthorizationKey", "Nope.Nope", INTERVAL)
    watch(modern, ".HeartbeatInterval", "Nope.Nope", INTERVAL)
    assert [record.getMessage() for record in caplog.records] == [
        "Nope cannot be watched: there is no such configuration key",
        "AuthorizationKey cannot be watched: there is no such configuration key",
        "HeartbeatInterval cannot be watched: OCPP 2.x has no configuration keys",
    ]
    for parts in (legacy, modern):
        parts.set(INTERVAL, "60")
        assert heard(parts) == [(INTERVAL, "60")]


@pytest.mark.parametrize("is_legacy", [True, False])
def test_write_only_values_never_leave(is_legacy: bool) -> None:
    parts = Provisioned(legacy=is_legacy)
    watch(parts, "SecurityCtrlr.BasicAuthPassword", "NetworkConfiguration[2].BasicAuthPassword")
    parts.set("SecurityCtrlr.BasicAuthPassword", "a new password!!", source="csms")
    parts.set("NetworkConfiguration[2].BasicAuthPassword", "a new password!!", source="csms")
    assert heard(parts)[0] == ("SecurityCtrlr.BasicAuthPassword", "")
    assert not any(value for _, value in heard(parts))
    assert "a new password!!" not in repr(parts.world.host.heard)


def test_the_station_s_own_reactions_stay(modern: Provisioned) -> None:
    reacted: list[str] = []
    modern.model.observe(address(INTERVAL), lambda _a, _old, new, _s: reacted.append(new))
    watch(modern, INTERVAL)
    modern.set(INTERVAL, "60")
    assert reacted == ["60"]


def test_a_key_of_the_connection_follows_the_slot_in_use(legacy: Provisioned) -> None:
    watch(legacy, ".CentralSystemURI")
    legacy.model.set_actual(address("NetworkConfiguration[2].OcppCsmsUrl"), "ws://b")
    legacy.model.set_actual(address("OCPPCommCtrlr.ActiveNetworkProfile"), 2)
    legacy.model.set_actual(address("NetworkConfiguration[2].OcppCsmsUrl"), "ws://c")
    assert heard(legacy) == [(".CentralSystemURI", "ws://c")]


def test_event_ids_are_never_repeated(modern: Provisioned) -> None:
    watch(modern, INTERVAL)
    for value in range(1, 50):
        modern.set(INTERVAL, str(value))
    ids = [event.event_id for event in modern.world.host.of("event_data")]
    assert len(set(ids)) == len(ids) == 49


def test_it_does_not_grow_without_end(
    modern: Provisioned, caplog: pytest.LogCaptureFixture
) -> None:
    watch(modern, *(f"X.V{number}" for number in range(10_100)))
    watch(modern, INTERVAL)
    modern.set(INTERVAL, "60")
    assert heard(modern) == []
    assert "More than 10000 variables" in caplog.text
