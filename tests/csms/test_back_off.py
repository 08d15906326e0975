import pytest

from ocppd.csms.back_off import BackOff
from ocppd.device_model.names import OCPPCommCtrlr
from tests.csms.variables import model_of


def back_off(minimum=10, span=0, times=3, random=lambda: 0.5):
    return BackOff(
        model_of(
            {
                OCPPCommCtrlr.RetryBackOffWaitMinimum: minimum,
                OCPPCommCtrlr.RetryBackOffRandomRange: span,
                OCPPCommCtrlr.RetryBackOffRepeatTimes: times,
            }
        ),
        random,
    )


def waits(of, count):
    return [of.next_wait_s() for _ in range(count)]


def test_waits_double_so_many_times_and_begin_anew():
    back = back_off()
    assert waits(back, 6) == [10, 20, 40, 80, 80, 80]
    back.connected()
    assert waits(back, 2) == [10, 20]


def test_each_wait_has_a_random_part():
    numbers = iter([0.0, 0.25, 0.999])
    back = back_off(minimum=4, span=8, random=lambda: next(numbers))
    assert waits(back, 3) == [4, 8 + 2, pytest.approx(16 + 7.992)]


def test_however_it_is_set_the_csms_is_not_called_all_the_time():
    assert back_off(minimum=0, span=0, times=0).next_wait_s() == 1
    back = back_off(minimum=1, times=10**6)
    assert max(waits(back, 10**4)) == 2**16


def test_another_profile_begins_later_the_more_rounds_have_failed():
    back = back_off()
    waits(back, 5)
    back.another_profile(0)
    assert waits(back, 2) == [10, 20]
    back.another_profile(1)
    assert waits(back, 4) == [20, 40, 80, 80]


def test_connections_that_are_ended_at_once_are_no_reason_to_hurry():
    back = back_off()
    seen = []
    for _ in range(6):
        back.connected()
        back.ended(early=True)
        seen.append(back.next_wait_s())
    assert seen == [10, 20, 40, 80, 80, 80]
    back.connected()
    assert back.ended(early=False) == 0
    assert back.next_wait_s() == 10
