"""Which EVSEs are held for reservations (H01.FR.07, FR.09, FR.20, FR.24)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.station.reservation_holds import held, served


@pytest.mark.requirement("H01.FR.07", "H01.FR.20")
def test_any_evse_is_held_once_there_are_no_more_than_reservations() -> None:
    assert held({1, 2}, {7: [1, 2]}) == set()
    assert held({1}, {7: [1, 2]}) == {1}
    assert held({1, 2}, {7: [1, 2], 8: [1, 2]}) == {1, 2}


@pytest.mark.requirement("H01.FR.09", "H01.FR.24")
def test_an_evse_is_held_for_its_type_of_connector() -> None:
    assert held({1, 2, 3}, {7: [2]}) == {2}
    assert held({1, 2, 3}, {7: [2, 3], 8: [1, 2, 3]}) == set()
    assert held({1, 2, 3}, {7: [2, 3], 8: [2, 3]}) == {2, 3}


@given(
    st.sets(st.integers(1, 5)),
    st.lists(st.sets(st.integers(1, 5), min_size=1), max_size=4),
)
def test_it_serves_as_many_as_trying_all_ways_does(free: set[int], wants: list[set[int]]) -> None:
    wanted = dict(enumerate(wants))

    def most(evses: set[int]) -> int:
        best = 0
        for choice in itertools.product(*([None, *want & evses] for want in wants)):
            taken = [evse_id for evse_id in choice if evse_id is not None]
            if len(taken) == len(set(taken)):
                best = max(best, len(taken))
        return best

    assert served({key: want & free for key, want in wanted.items()}) == most(free)
    assert held(free, wanted) == {each for each in free if most(free - {each}) < most(free)}
