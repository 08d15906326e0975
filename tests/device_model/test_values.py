from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.device_model.values import Value, complaint, members_of, moment_of, spell
from ocppd.model.variables import Characteristics, DataType


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (False, "false"),
        (900, "900"),
        (11.0, "11"),
        (0.1 + 0.2, "0.3"),
        (-0.0000001, "0"),
        (1e15, "1000000000000000"),
        (float("nan"), ""),
        (["A", "W"], "A,W"),
        (datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))), "2026-03-01T12:00:00.000Z"),
    ],
)
def test_values_are_spelled_as_ocpp_writes_them(value: Value, text: str | None) -> None:
    assert spell(value) == text


INTEGER = Characteristics(DataType.INTEGER, min_limit=60, max_limit=86400)
DECIMAL = Characteristics(DataType.DECIMAL, min_limit=-1.5, max_limit=100)
BOOLEAN = Characteristics(DataType.BOOLEAN)
STRING = Characteristics(DataType.STRING, min_limit=2, max_limit=5)
MOMENT = Characteristics(DataType.DATE_TIME)
OPTION = Characteristics(DataType.OPTION_LIST, values_list=("LRU", "LFU"))
MEMBERS = Characteristics(
    DataType.MEMBER_LIST, values_list=("A", "B", "C"), max_limit=6, max_elements=2
)
SEQUENCE = Characteristics(DataType.SEQUENCE_LIST, values_list=("1", "2", "3"))


@pytest.mark.requirement("B05.FR.07", "B05.FR.08")
@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (
            INTEGER,
            ["60", "86400", "+61", "0061"],
            ["59", "86401", "61.0", "", " 61", "1e3", "٦٠", "x", "9" * 5000, "-", "0"],
        ),
        (
            DECIMAL,
            ["-1.5", "100", "1e1", ".5", "5."],
            ["-1.6", "100.1", "NaN", "inf", "1e999", "1,5", "0x1", "", "1_0", "9" * 5000],
        ),
        (BOOLEAN, ["true", "false"], ["True", "FALSE", "1", "0", "", "yes", " true"]),
        (STRING, ["ab", "abcde", "äöü€x"], ["a", "abcdef", ""]),
        (
            MOMENT,
            ["2026-03-01T12:00:00Z", "2026-03-01t12:00:00.123456789+02:00", "2016-12-31T23:59:60Z"],
            ["2026-03-01", "2026-03-01 12:00:00Z", "2026-13-01T12:00:00Z", "2026-03-01T12:00:00"],
        ),
        (OPTION, ["LRU"], ["lru", "FIFO", "", "LRU,LFU"]),
        (MEMBERS, ["", "A", "B,A", " A , B "[1:]], ["D", "A,B,C", "A,,B", "A,", "a"]),
        (SEQUENCE, ["3,1,2", "1"], ["4", "1;2"]),
    ],
)
def test_what_fits_and_what_does_not(
    shape: Characteristics, good: list[str], bad: list[str]
) -> None:
    for value in good:
        assert complaint(value, shape) is None, value
    for value in bad:
        assert complaint(value, shape) is not None, value


@pytest.mark.parametrize(
    ("value", "reason"), [("59", "ValueTooLow"), ("86401", "ValueTooHigh"), ("x", "InvalidValue")]
)
def test_the_reason_has_a_code_of_the_appendix(value: str, reason: str) -> None:
    problem = complaint(value, INTEGER)
    assert problem is not None
    assert problem.reason_code == reason


@pytest.mark.parametrize("shape", [Characteristics(DataType.INTEGER), INTEGER])
def test_integers_have_32_bits(shape: Characteristics) -> None:
    for value, reason in (("999999999999", "ValueTooHigh"), ("-2147483649", "ValueTooLow")):
        problem = complaint(value, shape)
        assert problem is not None
        assert problem.reason_code == reason
    assert complaint("2147483647", Characteristics(DataType.INTEGER)) is None
    assert complaint("-2147483648", Characteristics(DataType.INTEGER)) is None
    assert complaint("2147483648", Characteristics(DataType.DECIMAL)) is None


def test_zero_may_switch_off_what_has_a_minimum() -> None:
    assert complaint("0", INTEGER, zero_allowed=True) is None
    assert complaint("1", INTEGER, zero_allowed=True) is not None


def test_lists_keep_their_order() -> None:
    assert members_of(" 3, 1,2 ") == ("3", "1", "2")
    assert members_of("") == ()
    assert members_of(" ") == ()


def test_a_leap_second_is_the_second_before_midnight() -> None:
    assert moment_of("2016-12-31T23:59:60Z") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(st.text(), st.sampled_from(list(DataType)))
def test_no_text_breaks_the_validation(text: str, data_type: DataType) -> None:
    problem = complaint(text, Characteristics(data_type, values_list=("A",), max_limit=10))
    assert problem is None or len(problem.additional_info or "") <= 1024


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_what_is_spelled_is_a_decimal(number: float) -> None:
    text = spell(number)
    assert text is not None
    assert complaint(text, Characteristics(DataType.DECIMAL)) is None
    assert float(text) == pytest.approx(number, abs=1e-6)
