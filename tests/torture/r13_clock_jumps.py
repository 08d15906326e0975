"""The clock jumps: no timer fires twice or starves, aligned samples fit, early dates are mended.

In virtual time: jumps of a second to ten years either way in the middle of a transaction, a start
in 1970 without a CSMS, the nights of summer time. Once also for real: the daemon under `faketime`,
where it is installed. Required: after each jump one sample a minute and one heartbeat in five
minutes, aligned samples at full quarters of an hour; what was dated before the clock was known is
told with its true date.
"""

import asyncio
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ocppd.device_model.names import AlignedDataCtrlr, SampledDataCtrlr
from ocppd.model.sessions import (
    PerPhase,
    Powermeter,
    SessionEvent,
    SessionEventType,
    SessionStartReason,
)
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from tests.fakes import FakeClock
from tests.scenario.host import Host
from tests.scenario.rig import ROOT
from tests.torture.figures import Figure, Options, none_of, told
from tests.torture.whole_station import CsmsInMemory, WholeStation
from tests.torture.wire import WireCsms, WireRig, eventually, values

E = SessionEventType
_MINUTE_S, _QUARTER_S, _BEAT_S, _HOUR_S = 60, 900, 300, 3600
# Values bear the date of the reading, which the host makes so often.
_READING_S = 5
_YEARS = timedelta(days=3652)
JUMPS = [
    sign * jump
    for jump in (
        timedelta(seconds=1),
        timedelta(seconds=45),
        timedelta(hours=1),
        timedelta(days=1),
        _YEARS,
    )
    for sign in (1, -1)
]
_TOKEN = ProvidedIdToken(IdToken("04A224B2", IdTokenType.ISO14443), AuthorizationType.RFID)
_SUMMER_TIME = datetime(2026, 3, 29, 0, 20, tzinfo=UTC)
_WINTER_TIME = datetime(2026, 10, 25, 0, 20, tzinfo=UTC)
_TRUE = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        for version in ("1.6", "2.0.1", "2.1") if options.full else ("2.0.1",):
            figures += await _all_of(version, options, patch)
    return [*figures, *await _really(options)]


async def _all_of(version: str, options: Options, patch: pytest.MonkeyPatch) -> list[Figure]:
    faults: list[str] = []
    for number, jump in enumerate(JUMPS):
        site = Site(options.folder / f"{version}-{number}", version)
        faults += [f"{jump}: {fault}" for fault in await site.hour(patch, jump)]
    nights: list[str] = []
    for start in (_SUMMER_TIME, _WINTER_TIME):
        site = Site(options.folder / f"{version}-{start:%m}", version, start)
        nights += [f"{start:%B}: {fault}" for fault in await site.hour(patch, timedelta())]
    early = Site(options.folder / f"{version}-1970", version, datetime(1970, 1, 1, tzinfo=UTC))
    return [
        none_of(f"{version}: timers that starve, fire twice or at odd times", faults),
        none_of(f"{version}: the same in the nights of summer time", nights),
        none_of(f"{version}: dates that were not mended after 1970", await early.sync(patch)),
    ]


class Site:
    """A charging car, and a CSMS that hears of it."""

    def __init__(self, folder: Path, version: str, start: datetime = _TRUE) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._version = version
        self._clock = FakeClock(start)
        self._csms = CsmsInMemory(version)
        self._csms.interval_s = _BEAT_S
        self._told: list[tuple[float, str, Any]] = []
        self._csms.heard = lambda frame, _line: self._told.append(
            (self._clock.monotonic(), frame[2], frame[3])
        )

    async def _start(self, patch: pytest.MonkeyPatch) -> WholeStation:
        whole = WholeStation(
            self._folder,
            self._csms,
            clock=self._clock,
            values={
                AlignedDataCtrlr.Interval: str(_QUARTER_S),
                SampledDataCtrlr.TxUpdatedInterval: str(_MINUTE_S),
            },
        )
        whole.patch(patch)
        await whole.start()
        whole.station.availability.on_ready(1, True)
        return whole

    def _report(self, whole: WholeStation, event: SessionEventType, **parts: Any) -> None:
        now = self._clock.machine_now()
        report = SessionEvent(
            "session-1", now, event, meter_value=Powermeter(now, PerPhase(total=1000.0)), **parts
        )
        whole.station.transactions.on_session_event(1, report)

    def _measure(self, whole: WholeStation, wh: float) -> None:
        meter = Powermeter(self._clock.machine_now(), PerPhase(total=wh))
        whole.station.meter_values.on_powermeter(1, meter)

    async def _charging(self, patch: pytest.MonkeyPatch) -> WholeStation:
        whole = await self._start(patch)
        self._report(whole, E.SESSION_STARTED, start_reason=SessionStartReason.EV_CONNECTED)
        self._report(whole, E.TRANSACTION_STARTED, id_token=_TOKEN)
        self._report(whole, E.CHARGING_STARTED)
        await whole.settle()
        return whole

    async def hour(self, patch: pytest.MonkeyPatch, jump: timedelta) -> list[str]:
        """Charge, have the clock set in between, and tell what an hour after that is wrong."""
        # It goes with the machine's clock: what is shown is the station's own reckoning.
        self._csms.time = self._clock.machine_now
        whole = await self._charging(patch)
        await self._pass(whole, 1_290)
        self._clock.set_machine(self._clock.machine_now() + jump)
        jumped_at = self._clock.monotonic()
        await self._pass(whole, _HOUR_S)
        await whole.stop()
        after = [one for one in self._told if one[0] > jumped_at]
        beats = [at for at, action, _ in after if action == "Heartbeat"]
        faults = _rhythm("sample", self._samples(after), _MINUTE_S)
        # What else is said stands in for a heartbeat.
        faults += _too_close("heartbeat", beats, _BEAT_S)
        return faults + self._aligned(after, jump) + whole.faults

    async def _pass(self, whole: WholeStation, seconds: float) -> None:
        for second in range(0, int(seconds), _READING_S):
            self._measure(whole, 1000.0 + second)
            self._clock.advance(_READING_S)
            await whole.settle()

    def _values(self, after: list[Any], context: str) -> list[tuple[float, str]]:
        """Return when values of a kind were told, and their dates."""
        found = []
        for at, _, payload in after:
            for value in payload.get("meterValue", []):
                contexts = {one.get("context", "Sample.Periodic") for one in value["sampledValue"]}
                if contexts == {context}:
                    found.append((at, value["timestamp"]))
        return found

    def _samples(self, after: list[Any]) -> list[float]:
        """Return the dates of the samples, in seconds: after the jump the clock goes on evenly."""
        found = self._values(after, "Sample.Periodic")
        return sorted(datetime.fromisoformat(text).timestamp() for _, text in found)

    def _aligned(self, after: list[Any], jump: timedelta) -> list[str]:
        found = self._values(after, "Sample.Clock")
        dates = [datetime.fromisoformat(text) for _, text in found]
        faults = [
            f"an aligned sample of {date:%H:%M:%S}" for date in dates if not _is_aligned(date)
        ]
        if len(set(dates)) != len(dates):
            faults.append("an aligned sample twice")
        # A jump over a quarter leaves it out; one back makes it once more.
        fewest = 3 if jump else 4
        if not fewest <= len(dates) <= 5:
            faults.append(f"{len(dates)} aligned samples in an hour")
        return faults

    async def sync(self, patch: pytest.MonkeyPatch) -> list[str]:
        """Begin in 1970 without a CSMS; what was queued must come with true dates."""
        self._csms.reachable = False
        whole = await self._charging(patch)
        await self._pass(whole, 600)
        begun_s = 600.0
        reached_at = _TRUE
        monotonic = self._clock.monotonic()
        self._csms.time = lambda: (
            reached_at + timedelta(seconds=self._clock.monotonic() - monotonic)
        )
        self._csms.reachable = True
        await self._pass(whole, 300)
        await whole.stop()
        wanted = reached_at - timedelta(seconds=begun_s)
        dates = [
            datetime.fromisoformat(payload["timestamp"])
            for _, action, payload in self._told
            if action in ("TransactionEvent", "StartTransaction")
        ]
        if not dates:
            return ["nothing was told"]
        faults = [f"{date}" for date in dates if date.year != _TRUE.year]
        if abs((dates[0] - wanted).total_seconds()) > 30:
            faults.append(f"the start is of {dates[0]}, not of {wanted}")
        return faults + whole.faults


def _is_aligned(date: datetime) -> bool:
    seconds = date.minute * 60 + date.second + date.microsecond / 1e6
    return min(seconds % _QUARTER_S, _QUARTER_S - seconds % _QUARTER_S) <= _READING_S + 1.0


def _rhythm(what: str, at_s: list[float], interval_s: float) -> list[str]:
    """Tell where something comes too seldom or too often."""
    faults = _too_close(what, at_s, interval_s)
    gaps = [b - a for a, b in pairwise(at_s)]
    # The one that the jump hit may be left out; the next is by the new time.
    faults += [f"{what} after {gap:.0f} s" for gap in gaps if gap > 2 * interval_s + 5]
    if len(at_s) < _HOUR_S / interval_s - 2:
        faults.append(f"{len(at_s)} times a {what} in an hour")
    return faults


def _too_close(what: str, at_s: list[float], interval_s: float) -> list[str]:
    gaps = [b - a for a, b in pairwise(at_s)]
    close = [gap for gap in gaps if gap < interval_s - 2 * _READING_S]
    return [f"{what} after {gap:.0f} s" for gap in close[1:]]


# For real


class FakedRig(WireRig):
    """The daemon on a machine whose clock begins in 1970."""

    async def start_daemon(self, *, wait: bool = True) -> None:
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                "faketime",
                "-f",
                "@1970-01-02 00:00:00",
                sys.executable,
                "-m",
                "ocppd",
                "--config",
                self.folder / "ocppd.yaml",
                "--state",
                self.state,
                "--bus",
                self.bus.address,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
            )
        await self.client.wait_until_owned()


async def _really(options: Options) -> list[Figure]:
    if shutil.which("faketime") is None:
        return [told("under faketime", "not looked at: faketime is not installed")]
    wire = WireCsms("2.0.1")
    await wire.start()
    port = wire.port
    await wire.stop()
    dates: list[datetime] = []

    def hear(frame: list[Any]) -> None:
        if frame[0] == 2 and frame[2] == "TransactionEvent":
            dates.append(datetime.fromisoformat(frame[3]["timestamp"]))

    began = datetime.now(UTC)
    faked = datetime(1970, 1, 2, tzinfo=UTC)
    async with FakedRig(options.folder / "faked", wire, values=values()) as rig:
        host = Host(rig.client, clock=lambda: faked + (datetime.now(UTC) - began))
        await host.ready()
        await host.charge_once()
        await asyncio.sleep(1)
        wire.port = port
        wire.heard = hear
        async with wire:
            await eventually(lambda: wire.calls["BootNotification"] > 0, 20)
            await rig.drained()
    ended = datetime.now(UTC)
    slack = timedelta(seconds=2)
    faults = [f"{date}" for date in dates if not began - slack <= date <= ended + slack]
    return [
        none_of("under faketime: dates that were not mended", faults if dates else ["nothing"]),
    ]
