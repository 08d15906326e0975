"""Which EVSEs reservations hold: as few as make sure that each finds one (H01.FR.07, FR.09)."""

from collections.abc import Collection, Mapping


def held(free: Collection[int], wanted: Mapping[int, Collection[int]]) -> set[int]:
    """Return the free EVSEs that nobody else may use.

    `wanted` has for each reservation the EVSEs that would do. An EVSE is held if without it fewer
    reservations could be served: with as many reservations as EVSEs, all are (H01.FR.20, FR.24).
    """
    possible = {key: [each for each in evses if each in free] for key, evses in wanted.items()}
    most = served(possible)
    candidates = {evse_id for evses in possible.values() for evse_id in evses}
    return {
        evse_id
        for evse_id in candidates
        if served({key: [e for e in evses if e != evse_id] for key, evses in possible.items()})
        < most
    }


def served(possible: Mapping[int, Collection[int]]) -> int:
    """Return how many reservations can have an EVSE of their own at once."""
    owner: dict[int, int] = {}

    def find(key: int, tried: set[int]) -> bool:
        for evse_id in possible[key]:
            if evse_id in tried:
                continue
            tried.add(evse_id)
            if evse_id not in owner or find(owner[evse_id], tried):
                owner[evse_id] = key
                return True
        return False

    return sum(find(key, set()) for key in possible)
