from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.csms.payload import RpcError, moment, present, route, timestamp
from ocppd.csms.spelling import Outgoing, collected
from ocppd.station.answer import Answer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (NOON, "2026-03-01T12:00:00.000Z"),
        (NOON.replace(microsecond=999_999), "2026-03-01T12:00:00.999Z"),
        (NOON.replace(tzinfo=None), "2026-03-01T12:00:00.000Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=45))), "2026-03-01T12:00:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_milliseconds(when, text):
    assert timestamp(when) == text


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T12:00:00.000Z", NOON),
        ("2026-03-01T12:00:00.123456789Z", NOON.replace(microsecond=123456)),
        ("2026-03-01T12:00:00,5Z", NOON.replace(microsecond=500_000)),
        ("2026-03-01T13:00:00+01:00", NOON),
        ("2026-03-01T13:00:00+0100", NOON),
        ("2026-03-01T06:30:00-05:30", NOON),
        ("2026-03-01T12:00:00", NOON),
        ("2026-03-01t12:00:00z", NOON),
        ("2026-03-01 12:00:00Z", NOON),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_any_spelling_of_a_moment_is_read(text, when):
    assert moment(text) == when
    assert moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "noon", "2026-02-30T12:00:00Z", "2026-03-01T25:00:00Z", "0001-01-01T00:00:00+23:00"],
)
def test_what_is_no_moment_is_a_fault_of_the_peer(text):
    with pytest.raises(RpcError) as refused:
        moment(text)
    assert refused.value.code == "PropertyConstraintViolation"


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again(when):
    assert moment(timestamp(when)) == when.replace(microsecond=when.microsecond // 1000 * 1000)


def test_members_without_a_value_are_left_out():
    assert present(a=None, b=0, c="", d=[], e=False) == {"b": 0, "c": "", "d": [], "e": False}


async def test_a_route_takes_plain_methods_and_coroutines():
    def plain(number: int) -> Answer[int]:
        return Answer(number + 1)

    async def waiting(number: int) -> Answer[int]:
        return Answer(number + 2, then=lambda: None)

    for handle, result in ((plain, 2), (waiting, 3)):
        answer = await route(lambda p: p["n"], handle, lambda n: {"n": n})({"n": 1})
        assert answer.result == {"n": result}


def test_a_request_is_spelled_once():
    outgoing = Outgoing("A", dict, dict)
    assert collected({int: outgoing}, {str: outgoing}) == {int: outgoing, str: outgoing}
    with pytest.raises(ValueError, match="int is spelled twice"):
        collected({int: outgoing}, {int: outgoing})
