"""The composition root: builds the parts, connects them, starts and stops them."""

import asyncio
import logging
import random
import signal
import uuid
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from ocppd import __version__
from ocppd.certificates.configured import TlsFiles
from ocppd.certificates.store import CertificateStore
from ocppd.config import Config
from ocppd.csms.connection import CsmsConnection, Files, Options
from ocppd.csms.profile_words import read_profile
from ocppd.csms.tcp import Proxy
from ocppd.csms.traffic import Traffic
from ocppd.csms.v16.configuration_keys import ConfigurationKeys
from ocppd.csms.versions import Spellings
from ocppd.dbus.agents import BuiltIn
from ocppd.dbus.service import NameTaken, Service
from ocppd.device_model.names import InternalCtrlr
from ocppd.station.certificate_renewal import dials_of_a_round
from ocppd.station.evse import Evses
from ocppd.station.limit_publication import Publication
from ocppd.station.ports import Outside
from ocppd.station.station import Settings, Station
from ocppd.store.background import Background
from ocppd.store.component_files import read_keys
from ocppd.store.database import Failure
from ocppd.store.journal import MessageJournal
from ocppd.store.security_log import SecurityLogFile
from ocppd.store.seed import build_device_model
from ocppd.store.state_folder import StateFolder, StateInUse
from ocppd.store.store import SqliteStore
from ocppd.store.store_file import Damage
from ocppd.store.waiting import DEFAULT_LIMIT
from ocppd.system_clock import SystemClock
from ocppd.systemd import Notifier, StatusText

_LOG = logging.getLogger(__name__)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FAILED = 1
_LAST_COMMIT_S = 0.8
_LAST_LINES_S = 0.3
# While there is no bus yet, systemd is asked not to give up; attempts are at most that far apart.
_PATIENCE_S = 60.0
_NOT_RUNNING_S = 2.0


class RunningTasks:
    """The port `Tasks`: coroutines of the running loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine; what leaves it is logged, never lost."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("%s failed", task.get_name(), exc_info=task.exception())


async def run(config: Config, state: Path, bus: str) -> int:
    """Run the daemon until SIGTERM or SIGINT; returns the exit status.

    Without a bus it goes on, and tries again and again to be there.

    Raises:
        YamlError: a mistake in a file of the device model

    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        folder = StateFolder(state)
    except StateInUse as error:
        _LOG.critical("%s", error)
        return _FAILED
    daemon = Daemon(config, state, bus)
    try:
        await daemon.start()
    except NameTaken as error:
        _LOG.critical("cannot be on the bus: %s", error)
        await daemon.stop()
        return _FAILED
    await ended.wait()
    await daemon.stop()
    folder.release()
    return 0


class Daemon:
    """All parts of one daemon."""

    def __init__(self, config: Config, state: Path, bus: str) -> None:
        """Build the parts; nothing is heard or sent before `start`."""
        clock = SystemClock()
        self._clock = clock
        self._systemd = Notifier()
        self._status = StatusText(clock.now)
        self._status_due = False
        self._told_full = False
        self.store = SqliteStore(
            state / "ocppd.db",
            now=clock.now,
            new_id=_new_id,
            on_health=self._on_store,
            on_damage=self._on_damaged_store,
            on_joined=self._on_joined_store,
        )
        self._files = Background()
        self.journal = MessageJournal(
            state / "messages.jsonl", config.message_journal_size, self._files, clock.now
        )
        model = build_device_model(
            config.evses,
            slots=config.slots,
            values=config.initial_values(),
            folder=config.device_model,
            stored=self.store.variables,
            store=self.store,
            cache=state / "device-model.json",
        )
        self.store.limit_queue(
            lambda: model.integer(InternalCtrlr.MessageQueueSizeThreshold, DEFAULT_LIMIT)
        )
        self.service = Service(
            None if bus == "system" else bus,
            agent_timeout_s=config.host.agent_timeout_s,
            built_in=BuiltIn(reset=config.host.builtin_system, time=config.host.builtin_system),
            on_bus=self._on_bus,
            on_machine=self._on_machine,
        )
        self.service.host.on_state = self._on_state
        self.certificates = CertificateStore(
            state / "certificates",
            tls=TlsFiles(config.tls.ca_file, config.tls.certificate_file, config.tls.key_file),
            now=clock.now,
            attempts=lambda: dials_of_a_round(model),
        )
        self.service.agents.network_timeout_s = lambda: float(
            model.integer(InternalCtrlr.NetworkConfigTimeout, 60)
        )
        self.csms = CsmsConnection(
            model,
            self.store,
            clock,
            new_id=_new_id,
            random=random.random,
            orphan_after_s=config.queue.orphan_after_h * 3600,
            traffic=self._on_traffic,
            files=self._tls_files,
            on_unreached=self.certificates.unreached,
            options=_options(config),
        )
        outside = Outside(
            clock=clock,
            store=self.store,
            csms=self.csms,
            host=self.service.host,
            agents=self.service.agents,
            tasks=RunningTasks(),
            certificates=self.certificates,
            new_id=_new_id,
            random=random.random,
        )
        schedules = config.charging_schedules
        self.station = Station(
            outside,
            model,
            Evses(config.evses),
            keys=ConfigurationKeys(
                model,
                active=lambda: self.csms.manners.names_transactions,
                custom=read_keys(config.device_model),
            ),
            security_log=SecurityLogFile(
                state / "security.log",
                lambda: self.station.security.raise_event("SecurityLogWasCleared"),
                self._files,
            ),
            settings=Settings(
                agent_grace_s=config.host.agent_grace_s,
                publication=Publication(schedules.interval_s, schedules.duration_s, schedules.unit),
                boot_id=_boot_id(),
            ),
        )
        self.csms.attach(self.station, Spellings(self.station))
        self.service.export(self.station, self.store, clock, self.journal, read_profile)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take back what was stored, be on the bus, then connect to the CSMS.

        Raises:
            NameTaken: another process is org.everest.Ocpp there

        """
        _LOG.info("ocppd %s", __version__)
        self.station.start()
        if self.store.failure is not None:
            self._on_store(self.store.failure)
        self._systemd.feed_watchdog(self._clock, self._on_late)
        try:
            await self.service.start()
        except NameTaken:
            raise
        except Exception:  # whatever it is: OCPP goes on, and the bus may be there the next time
            _LOG.error("not on the bus yet: %s", self.service.problem)
        self._serving = asyncio.create_task(self.service.run(), name="bus")
        self.csms.start()

    async def stop(self) -> None:
        """Leave the bus and the CSMS, and write what is left; takes less than two seconds."""
        self._systemd.stopping()
        try:
            self.csms.stop()
            self.service.stop()
            await self.csms.ended()
            if self._serving is not None:
                await self._serving
        except Exception:
            _LOG.exception("stopping was not smooth")
        finally:
            self.journal.close()
            self.store.close(_LAST_COMMIT_S)
            self._files.close(_LAST_LINES_S)
            self._systemd.close()

    def _tls_files(self) -> Files:
        paths = self.certificates.for_dial()
        return Files(paths.roots, paths.certificate, paths.key)

    def _on_bus(self, there: bool) -> None:
        if there:
            self._systemd.ready()
        else:
            self._systemd.still_starting(_PATIENCE_S)
        self._on_state()

    def _on_machine(self, refusal: str | None) -> None:
        """Say in time that a reset, which the CSMS may ask for some day, would be refused."""
        if refusal is not None:
            _LOG.warning("no agent is registered for System, and %s", refusal)
        self.station.health.note(
            "reset", f"the CSMS cannot reset this station: {refusal}" if refusal else None
        )

    def _on_state(self) -> None:
        """Tell systemd what the daemon is doing, once all that changed by one event has."""
        if not self._status_due:
            self._status_due = True
            asyncio.get_running_loop().call_soon(self._tell_status)

    def _tell_status(self) -> None:
        self._status_due = False
        self._systemd.status(
            self._status.text(
                bus_problem=self.service.problem,
                connection=self.service.host.told.connection,
                registration=self.station.registration.status,
                reasons=self.station.health.reasons,
            )
        )

    def _on_late(self, seconds: float) -> None:
        if seconds > _NOT_RUNNING_S:
            _LOG.error("the daemon did not run for %.1f s", seconds)

    def _on_store(self, failure: Failure | None) -> None:
        """Tell whether what happens is written, or in memory alone."""
        if failure is None:
            _LOG.info("the store is written again")
            self._told_full = False
        else:
            _LOG.error("%s", failure.text)
        self.station.health.note("store", failure.text if failure else None)
        if failure is not None and failure.is_full and not self._told_full:
            self._told_full = True
            self.station.security.raise_event("MemoryExhaustion", failure.text)
        self.csms.wake()

    def _on_damaged_store(self, damage: Damage) -> None:
        self.station.health.note("damaged store", f"the store was damaged; {damage}")
        self.station.security.raise_event("StorageDamaged", str(damage))

    def _on_joined_store(self, unread: int) -> None:
        if unread:
            self.station.health.note(
                "earlier store",
                f"the store could not be read at the start; {unread} settings and states that it"
                " held come back with a restart of ocppd",
            )
        self.csms.wake()

    def _on_traffic(self, traffic: Traffic) -> None:
        self.journal.note(
            traffic.direction,
            traffic.version,
            traffic.text,
            masked=traffic.masked,
            reason=traffic.reason,
        )
        self.service.host.ocpp_message(
            traffic.text,
            traffic.direction,
            traffic.version,
            masked=traffic.masked,
            reason=traffic.reason,
        )


def _options(config: Config) -> Options:
    """Return how this box connects to a CSMS."""
    connection = config.connection
    proxy = connection.proxy
    return Options(
        compression=connection.compression,
        proxy=Proxy(proxy.host, proxy.port, proxy.user, proxy.password) if proxy else None,
        interfaces=connection.interfaces,
        return_after_s=connection.return_after_s,
        max_size=config.max_message_size,
    )


def _new_id() -> str:
    return str(uuid.uuid4())


def _boot_id() -> str | None:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return None
