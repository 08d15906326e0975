import pytest

from ocppd.csms.network_profiles import Rotation, Unusable, profile_of
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from tests.csms.variables import model_of


def slot(number, url="ws://csms.example/ocpp", profile=1, identity="CS001", password="p" * 16):
    return {
        NetworkConfiguration.OcppCsmsUrl(number): url,
        NetworkConfiguration.SecurityProfile(number): profile,
        NetworkConfiguration.Identity(number): identity,
        NetworkConfiguration.BasicAuthPassword(number): password,
        NetworkConfiguration.MessageTimeout(number): 20,
        NetworkConfiguration.OcppInterface(number): "Wired0",
        NetworkConfiguration.OcppTransport(number): "JSON",
    }


VERSIONS = {InternalCtrlr.SupportedOcppVersions: "ocpp2.1,ocpp2.0.1,ocpp1.6"}


def test_a_slot_is_read():
    profile = profile_of(1, model_of(slot(1) | VERSIONS))
    assert profile.url == "ws://csms.example/ocpp"
    assert profile.versions == ("2.1", "2.0.1", "1.6")
    assert (profile.message_timeout_s, profile.interface) == (20, "Wired0")
    assert "pppp" not in repr(profile)


def test_versions_are_offered_in_the_configured_order():
    versions = {InternalCtrlr.SupportedOcppVersions: "ocpp1.6,ocpp2.1"}
    assert profile_of(1, model_of(slot(1) | versions)).versions == ("1.6", "2.1")


def test_what_a_slot_lacks_is_taken_from_the_station():
    values = slot(1, identity="", password="") | VERSIONS
    values |= {SecurityCtrlr.Identity: "CS002", SecurityCtrlr.BasicAuthPassword: "q" * 16}
    profile = profile_of(1, model_of(values))
    assert (profile.identity, profile.password) == ("CS002", "q" * 16)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "no OcppCsmsUrl"),
        (slot(1, identity=""), "no Identity"),
        (slot(1, identity="a:b"), "colon"),
        (slot(1, profile=""), "no SecurityProfile"),
        (slot(1, profile=7), "no SecurityProfile"),
        (slot(1, profile=2), "needs a wss address"),
        (slot(1, url="wss://x", profile=1), "needs a ws address"),
        (slot(1, password=""), "no BasicAuthPassword"),
        (slot(1) | {SecurityCtrlr.SecurityProfile: 2}, "below 2"),
        (
            slot(1, profile=0) | {InternalCtrlr.SupportedOcppVersions: "ocpp2.1,ocpp2.0.1"},
            "no version",
        ),
    ],
)
def test_why_a_slot_is_unusable(values, why):
    with pytest.raises(Unusable, match=why):
        profile_of(1, model_of(VERSIONS | values))


def test_security_profile_0_is_for_1_6_unless_allowed():
    values = slot(1, profile=0, password="") | VERSIONS
    assert profile_of(1, model_of(values)).versions == ("1.6",)
    values[InternalCtrlr.AllowSecurityLevelZeroConnections] = "true"
    assert profile_of(1, model_of(values)).versions == ("2.1", "2.0.1", "1.6")


@pytest.mark.parametrize("allowed", [True, False])
def test_from_profile_3_down_to_2_if_that_is_allowed(allowed):
    values = slot(1, "wss://x", 2) | VERSIONS
    values |= {
        SecurityCtrlr.SecurityProfile: 3,
        SecurityCtrlr.AllowSecurityProfileDowngrade: str(allowed).lower(),
    }
    if allowed:
        assert profile_of(1, model_of(values)).security_profile == 2
    else:
        with pytest.raises(Unusable):
            profile_of(1, model_of(values))


def rotation(order="1,2,3", attempts=2):
    return Rotation(
        model_of(
            {
                OCPPCommCtrlr.NetworkConfigurationPriority: order,
                OCPPCommCtrlr.NetworkProfileConnectionAttempts: attempts,
            }
        )
    )


@pytest.mark.requirement("B10.FR.03", "B10.FR.04")
def test_each_slot_has_its_attempts_in_order():
    assert tried(rotation("3,1"), 6) == [3, 3, 1, 1, 3, 3]


def tried(slots, attempts):
    seen = []
    for _ in range(attempts):
        seen.append(slots.slot)
        slots.failed()
    return seen


@pytest.mark.requirement("B10.FR.07", "B10.FR.08", "B10.FR.09")
def test_after_a_loss_each_round_begins_with_the_slot_that_worked_last():
    slots = rotation()
    assert tried(slots, 2) == [1, 1]
    assert slots.slot == 2
    slots.succeeded()
    assert tried(slots, 12) == [2, 2, 1, 1, 3, 3, 2, 2, 1, 1, 3, 3]
    assert slots.rounds == 2


def test_better_slots_are_tried_once_each_before_the_way_back():
    slots = rotation("3,2,1")
    tried(slots, 4)
    assert slots.slot == 1
    slots.succeeded()
    assert slots.better_than(1) == [3, 2]
    slots.try_better([3, 2])
    assert tried(slots, 6) == [3, 2, 1, 1, 3, 3]


def test_a_slot_that_left_the_list_is_the_last_resort():
    model = model_of(
        {
            OCPPCommCtrlr.NetworkConfigurationPriority: "1",
            OCPPCommCtrlr.NetworkProfileConnectionAttempts: 2,
        }
    )
    slots = Rotation(model)
    slots.succeeded()
    model.set_actual(OCPPCommCtrlr.NetworkConfigurationPriority, "2,2,3")
    assert slots.better_than(1) == [2, 3]
    slots.begin()
    assert tried(slots, 8) == [2, 2, 3, 3, 1, 1, 2, 2]


def test_minus_one_is_for_ever():
    slots = rotation("1,2", attempts=-1)
    for _ in range(100):
        assert slots.failed() is False
    assert slots.slot == 1


def test_one_slot_and_none():
    slots = rotation("1")
    for _ in range(5):
        assert slots.failed() is False
        assert slots.slot == 1
    assert rotation("").slot is None
    assert rotation("x,").slot is None
    assert rotation("").failed() is False
