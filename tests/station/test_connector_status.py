"""The precedence of statuses, walked through completely."""

import itertools
from dataclasses import fields

import pytest

from ocppd.model.availability import Activity, ConnectorStatus
from ocppd.station.connector_status import (
    Condition,
    claims_reservation,
    status_of,
    status_of_evse,
    status_of_station,
)

A, OC, R, U, F = (
    ConnectorStatus.AVAILABLE,
    ConnectorStatus.OCCUPIED,
    ConnectorStatus.RESERVED,
    ConnectorStatus.UNAVAILABLE,
    ConnectorStatus.FAULTED,
)


@pytest.mark.requirement("G01.FR.01", "G03.FR.06", "G04.FR.07", "G01.FR.06", "G01.FR.09")
def test_every_condition_has_the_status_that_its_strongest_fact_gives() -> None:
    names = [field.name for field in fields(Condition)]
    for values in itertools.product((False, True), repeat=len(names)):
        facts = dict(zip(names, values, strict=True))
        status = status_of(Condition(**facts))
        if facts["faulted"]:
            assert status is F, facts
        elif not (facts["operative"] and facts["usable"]):
            assert status is U, facts
        elif not facts["occupied"]:
            assert status is (R if facts["reserved"] else A), facts
        else:
            # A stranger's car leaves a reserved connector reserved.
            stranger = facts["reserved"] and not facts["claimed"]
            assert status is (R if stranger else OC), facts


@pytest.mark.parametrize(
    ("activity", "authorized", "claims"),
    [
        (None, False, False),
        (Activity.PREPARING, False, False),
        (Activity.PREPARING, True, True),
        (Activity.CHARGING, False, True),
        (Activity.SUSPENDED_EV, False, True),
        (Activity.FINISHING, False, True),
    ],
)
def test_who_uses_a_reservation(activity: Activity | None, authorized: bool, claims: bool) -> None:
    assert claims_reservation(activity, authorized=authorized) is claims


@pytest.mark.parametrize(
    ("connectors", "status"),
    [([A, U], A), ([A, OC], OC), ([F, A], A), ([F, U], F), ([R, U], R), ([U], U), ([], U)],
)
def test_an_evse_is_what_its_connectors_are(
    connectors: list[ConnectorStatus], status: ConnectorStatus
) -> None:
    assert status_of_evse(connectors) is status


@pytest.mark.parametrize(
    ("evses", "own", "status"),
    [
        ([A, OC], Condition(), A),
        ([OC, OC], Condition(), OC),
        ([OC, R], Condition(), OC),
        ([R, U], Condition(), R),
        ([F, F], Condition(), F),
        ([U, F], Condition(), U),
        ([A], Condition(faulted=True), F),
        ([A], Condition(operative=False), U),
    ],
)
def test_the_station_is_available_while_one_evse_is(
    evses: list[ConnectorStatus], own: Condition, status: ConnectorStatus
) -> None:
    assert status_of_station(evses, own) is status
