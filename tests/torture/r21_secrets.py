"""Secrets: canaries for every key and password; none in logs, signals, files, answers, crash texts.

A password is set by the configuration, changed by the CSMS, by the bus, in a network profile, in
frames that are wrong in every way, and the daemon is made to crash. Required: no canary, plain or
as the header of Basic authentication spells it, anywhere but in ocppd.yaml, the database and the
cache of the device model, which nobody else may read; no token of a driver in the log.
"""

import asyncio
import base64
import json
import signal
import sys
from contextlib import suppress
from typing import Any

from ocppd.tools.csms.messages import Direction
from ocppd.tools.csms.station import CallFailed, Disconnected
from tests.client import EVSE_MANAGER, OCPP, STATION, BusError
from tests.scenario.host import Host
from tests.scenario.rig import IDENTITY, PASSWORD, ROOT, Rig
from tests.torture.figures import Figure, Options, none_of, told
from tests.torture.mutation import Mutator
from tests.torture.wire import HARMLESS, values

TOKEN = "CANARYTOKEN77"
# The operator's own file, the database, and what is derived from both to start quickly.
_CONFIGURATION = "ocppd.yaml"
_MAY_HOLD = ("ocppd.db", "device-model.json")
_INTERFACES = (OCPP, EVSE_MANAGER)


class Canaries:
    """Passwords that are easy to find again."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    def new(self, what: str, *, digits: bool = False) -> str:
        """Make one: 20 letters, or the 40 hexadecimal digits of a 1.6 key."""
        number = len(self.made) + 1
        text = f"ca{number:02d}" * 10 if digits else f"Canary{number:02d}Qx7pLm9wZt{number:02d}"
        self.made[what] = text
        return text

    def spellings(self) -> dict[str, list[str]]:
        """Return each canary as it could show: plain, in base64, and as the bytes of a key."""
        shown = {}
        for what, text in self.made.items():
            forms = [text, base64.b64encode(f"{IDENTITY}:{text}".encode()).decode()]
            with suppress(ValueError):
                raw = bytes.fromhex(text)
                forms.append(base64.b64encode(IDENTITY.encode() + b":" + raw).decode())
            shown[what] = forms
        return shown

    def in_text(self, text: str, where: str) -> list[str]:
        """Return what of them is in a text."""
        folded = text.lower()
        return [
            f"{what} in {where}"
            for what, forms in self.spellings().items()
            if any(form.lower() in folded for form in forms)
        ]


class SecretRig(Rig):
    """The daemon with a canary as its first password; it logs all that it can."""

    canaries: Canaries

    def write_config(self, url: str | None = None) -> None:
        super().write_config(url)
        file = self.folder / "ocppd.yaml"
        file.write_text(file.read_text().replace(PASSWORD, self.canaries.new("configured")))


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for version in ("1.6", "2.0.1", "2.1") if options.full else ("1.6", "2.1"):
        figures += await _secret(version, options)
    return figures


async def _secret(version: str, options: Options) -> list[Figure]:
    canaries = Canaries()
    folder = options.folder / version
    rig = SecretRig(
        folder, versions=[version], values=values(), more_config=HARMLESS, password=None
    )
    rig.canaries = canaries
    hits: list[str] = []
    async with rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        token = {"id_token": {"value": TOKEN, "type": "ISO14443"}, "authorization_type": "RFID"}
        await rig.client.call(
            "ValidateToken",
            "a{sv}",
            token,
            interface="org.everest.Ocpp.AuthTokenValidator",
        )
        await host.start(token)
        await host.charge()
        await (_over_16 if version == "1.6" else _over_2)(rig, canaries)
        await _over_the_bus(rig, canaries)
        await _wrong_frames(version, rig, canaries, options)
        hits += canaries.in_text(await _everything_on_the_bus(rig), "the bus's properties, calls")
        for command in ("status", "queue", "messages", "doctor"):
            hits += canaries.in_text(await _ctl(rig, command), f"ocppctl {command}")
        assert rig.process is not None
        rig.process.send_signal(signal.SIGABRT)  # the crash: whatever it prints is in the log
        await rig.process.wait()
        await rig.start_daemon()
        await rig.csms.connected()
        heard = "\n".join(repr(one) for one in rig.client.signals)
        hits += canaries.in_text(heard, "signals")
        hits += canaries.in_text(_said_by_the_station(rig), "what the CSMS was told")
    looked_at, open_to_others = 0, []
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name == _CONFIGURATION:
            continue
        if file.name.startswith(_MAY_HOLD):
            if file.stat().st_mode & 0o077:
                open_to_others.append(f"{file.name} {file.stat().st_mode & 0o777:o}")
        else:
            looked_at += 1
            hits += canaries.in_text(file.read_text("latin-1"), file.name)
    tokens = [line[:120] for line in rig.log.splitlines() if TOKEN in line]
    return [
        told(f"{version}: canaries", f"{len(canaries.made)}, {looked_at} files looked at"),
        none_of(f"{version}: secrets found", hits),
        none_of(f"{version}: files with secrets that others may read", open_to_others),
        none_of(f"{version}: tokens of drivers in the log", tokens),
    ]


async def _call(rig: Rig, action: str, payload: dict[str, Any]) -> Any:
    """Ask the station, whatever it thinks of it; it may connect anew after."""
    with suppress(CallFailed, Disconnected):
        station = await rig.csms.connected()
        answer = await station.call(action, payload)
        await asyncio.sleep(0.3)
        return answer
    return None


async def _over_16(rig: Rig, canaries: Canaries) -> None:
    key = canaries.new("AuthorizationKey", digits=True)
    await _call(rig, "ChangeConfiguration", {"key": "AuthorizationKey", "value": key})
    await rig.csms.connected(timeout_s=20)
    for what in ("no such key", "BasicAuthPassword", "SecurityCtrlr.BasicAuthPassword"):
        value = canaries.new(f"ChangeConfiguration {what}")
        key = "AuthorizationKeyX" if what == "no such key" else what
        await _call(rig, "ChangeConfiguration", {"key": key, "value": value})
    short = canaries.new("too long a key") * 30
    await _call(rig, "ChangeConfiguration", {"key": "AuthorizationKey", "value": short})
    await _call(rig, "GetConfiguration", {})
    await _call(rig, "GetConfiguration", {"key": ["AuthorizationKey"]})


def _password(value: str, component: str = "SecurityCtrlr") -> dict[str, Any]:
    return {
        "component": {"name": component},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": value,
    }


async def _over_2(rig: Rig, canaries: Canaries) -> None:
    items = [_password(canaries.new("SetVariables"))]
    await _call(rig, "SetVariables", {"setVariableData": items})
    await rig.csms.connected(timeout_s=20)
    items = [
        _password(canaries.new("too short")[:8]),
        _password(canaries.new("for nobody"), "NoSuchCtrlr"),
        _password(canaries.new("too long") * 40),
    ]
    canaries.made["too short"] = items[0]["attributeValue"] + "-"  # 8 letters begin others too
    for item in items:
        await _call(rig, "SetVariables", {"setVariableData": [item]})
    address = {key: items[0][key] for key in ("component", "variable")}
    await _call(rig, "GetVariables", {"getVariableData": [address]})
    profile = {
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "ocppVersion": "OCPP20",
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppCsmsUrl": f"ws://user:{canaries.new('in a URL')}@csms.example/",
        "basicAuthPassword": canaries.new("network profile"),
        "apn": {
            "apn": "internet",
            "apnUserName": "u",
            "apnPassword": canaries.new("APN"),
            "apnAuthentication": "CHAP",
        },
        "vpn": {
            "server": "vpn.example",
            "user": "u",
            "password": canaries.new("VPN"),
            "key": canaries.new("VPN's key"),
            "type": "IKEv2",
        },
    }
    for slot in (2, 99):
        payload = {"configurationSlot": slot, "connectionData": profile}
        await _call(rig, "SetNetworkProfile", payload)
    await _call(rig, "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    await asyncio.sleep(0.5)


async def _over_the_bus(rig: Rig, canaries: Canaries) -> None:
    for component, variable in (
        ("SecurityCtrlr", "BasicAuthPassword"),
        ("NetworkConfiguration", "BasicAuthPassword"),
        ("SecurityCtrlr", "NoSuchPassword"),
    ):
        item = {
            "component_variable": {
                "component": {"name": component},
                "variable": {"name": variable},
            },
            "value": canaries.new(f"bus, {component}.{variable}"),
        }
        with suppress(BusError):
            await rig.client.call("SetVariables", "aa{sv}s", [item], "test")
        item["value"] = [item["value"]]
        with suppress(BusError):
            await rig.client.call("SetVariables", "aa{sv}s", [item], "test")
    await rig.csms.connected(timeout_s=20)


async def _wrong_frames(version: str, rig: Rig, canaries: Canaries, options: Options) -> None:
    """Send passwords in frames that cannot be read, or break their schema."""
    secret = canaries.new("wrong frames")
    if version == "1.6":
        frame: list[Any] = [
            2,
            "x",
            "ChangeConfiguration",
            {"key": "AuthorizationKey", "value": secret},
        ]
    else:
        frame = [2, "x", "SetVariables", {"setVariableData": [_password(secret)]}]
    text = json.dumps(frame)
    mutator = Mutator(version, options.chance(f"R21 {version}"))
    damaged = [text[:-1], text + "]", text.replace('"x"', "1"), text.replace("[2,", "[2.5,")]
    damaged += [text.replace(secret, f"{secret}\\ud800")]
    damaged += [text.replace(f'"{secret}"', f'["{secret}"]')]
    damaged += [text.replace(":", ";", 1), f"{text}{text}", text.replace('"value"', '"valu"')]
    damaged += [text.replace('"attributeValue"', '"attributeVal"'), text.replace("[2", "[3", 1)]
    for _ in range(options.size(60, 2_000)):
        changed = mutator._bytes(text)
        # Half a canary is found by nobody, and one that is no password any more is none.
        if secret in changed and ("AuthorizationKey" in changed or "AuthPassword" in changed):
            damaged.append(changed)
    for one in damaged:
        with suppress(Disconnected):
            await (await rig.csms.connected()).send_text(one)
    await asyncio.sleep(1)


async def _everything_on_the_bus(rig: Rig) -> str:
    """Return all that a caller with every right is told."""
    texts = []
    for interface in _INTERFACES:
        path = STATION if interface == OCPP else f"{STATION}/Evse/1"
        with suppress(BusError):
            told_by = await rig.client.call(
                "GetAll", "s", interface, path=path, interface="org.freedesktop.DBus.Properties"
            )
            texts.append(repr(told_by))
    texts.append(repr(await rig.client.call("GetQueue")))
    texts.append(repr(await rig.client.call("GetTransactions")))
    with suppress(BusError):
        texts.append(repr(await rig.client.call("GetMessages", "a{sv}", {})))
    for component in ("SecurityCtrlr", "NetworkConfiguration"):
        for attribute in ("Actual", "Target"):
            item = {
                "component_variable": {
                    "component": {"name": component}
                    | ({"instance": "1"} if component != "SecurityCtrlr" else {}),
                    "variable": {"name": "BasicAuthPassword"},
                },
                "attribute_type": attribute,
            }
            texts.append(repr(await rig.client.call("GetVariables", "aa{sv}", [item])))
    return "\n".join(texts)


async def _ctl(rig: Rig, *arguments: str) -> str:
    """Return what `ocppctl` prints, whether it knows the command or not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ocppd.tools.ctl",
        *arguments,
        cwd=ROOT,
        env=rig.bus.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return output.decode(errors="replace")


def _said_by_the_station(rig: Rig) -> str:
    return "\n".join(
        message.frame.text for message in rig.csms.messages if message.direction is Direction.IN
    )
