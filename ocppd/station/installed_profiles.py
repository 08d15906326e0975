"""The charging profiles that are installed, and which of them survive a power cut."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.model.charging_profiles import (
    ChargingProfilePurpose,
    InstalledProfile,
)
from ocppd.station.ports import Store

_PERSISTENCE = {
    ChargingProfilePurpose.TX_PROFILE: SmartChargingCtrlr.ChargingProfilePersistence_TxProfile,
    ChargingProfilePurpose.LOCAL_GENERATION: (
        SmartChargingCtrlr.ChargingProfilePersistence_LocalGeneration
    ),
    ChargingProfilePurpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS: (
        SmartChargingCtrlr.ChargingProfilePersistence_ChargingStationExternalConstraints
    ),
}


class InstalledProfiles:
    """All profiles, by id; the other purposes than these three always persist (K01.FR.27)."""

    def __init__(self, store: Store, device_model: DeviceModel) -> None:
        self._store = store
        self._model = device_model
        self._profiles: dict[int, InstalledProfile] = {}

    def load(self) -> None:
        """Take back what survived."""
        self._profiles = {
            one.profile.id: one for one in self._store.load(InstalledProfile).values()
        }
        self._count()

    def __iter__(self) -> Iterator[InstalledProfile]:
        """Return the profiles, in the order of their installation."""
        return iter(tuple(self._profiles.values()))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._profiles)

    def get(self, profile_id: int) -> InstalledProfile | None:
        """Return a profile, or None."""
        return self._profiles.get(profile_id)

    def most(self, otherwise: int) -> int:
        """Return how many there may be: the limit of SmartChargingCtrlr.Entries."""
        variable = self._model.find(SmartChargingCtrlr.Entries_ChargingProfiles)
        limit = variable.characteristics.max_limit if variable is not None else None
        return otherwise if limit is None else int(limit)

    def install(
        self, installed: InstalledProfile, instead_of: Iterable[InstalledProfile] = ()
    ) -> None:
        """Keep a profile, in place of one with its id (K01.FR.05) and of others."""
        with self._store.atomically():
            for one in instead_of:
                self._drop(one)
            self._profiles.pop(installed.profile.id, None)
            self._profiles[installed.profile.id] = installed
            if self._persists(installed.profile.purpose):
                self._store.save(str(installed.profile.id), installed)
            else:
                self._store.forget(InstalledProfile, str(installed.profile.id))
        self._count()

    def draw_delays(
        self, chosen: Callable[[InstalledProfile], bool], random: Callable[[], float]
    ) -> None:
        """Draw the random delays of those that are chosen anew (K01.FR.93)."""
        for one in self:
            if chosen(one) and one.profile.schedule.randomized_delay_s > 0:
                self.install(replace(one, delays_s=delays(one, random)))

    def remove(self, chosen: Callable[[InstalledProfile], bool]) -> list[InstalledProfile]:
        """Forget those that are chosen, and return them."""
        gone = [one for one in self if chosen(one)]
        if gone:
            with self._store.atomically():
                for one in gone:
                    self._drop(one)
            self._count()
        return gone

    def _drop(self, installed: InstalledProfile) -> None:
        self._profiles.pop(installed.profile.id, None)
        self._store.forget(InstalledProfile, str(installed.profile.id))

    def _persists(self, purpose: ChargingProfilePurpose) -> bool:
        address = _PERSISTENCE.get(purpose)
        return address is None or self._model.flag(address)

    def _count(self) -> None:
        self._model.set_actual(SmartChargingCtrlr.Entries_ChargingProfiles, len(self))


def delays(installed: InstalledProfile, random: Callable[[], float]) -> tuple[int, ...]:
    """Return a delay for each period but the first, which starts with its schedule (K01.FR.92)."""
    schedule = installed.profile.schedule
    most = schedule.randomized_delay_s
    return tuple(
        0 if at == 0 else min(int(random() * (most + 1)), most)
        for at in range(len(schedule.periods))
    )
