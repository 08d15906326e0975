"""The CSMS against a plain WebSocket client that speaks OCPP-J by hand."""

import asyncio
import json
import ssl
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from ocppd.tools.csms import CallFailed, Csms, Disconnected, Kind, Refusal, Station

VERSIONS = ["1.6", "2.0.1", "2.1"]
BOOT_16 = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_2X = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
T = "2026-11-22T10:00:00Z"


def boot_of(version: str) -> dict[str, Any]:
    return BOOT_16 if version == "1.6" else BOOT_2X


class Client:
    """A station's end of the wire."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self._ids = iter(range(1, 10_000))

    async def ask(self, action: str, payload: dict[str, Any]) -> list[Any]:
        """Send a CALL; return the whole answer but its id."""
        message_id = str(next(self._ids))
        await self.websocket.send(json.dumps([2, message_id, action, payload]))
        answer = await self.read()
        assert answer[1] == message_id
        return [answer[0], *answer[2:]]

    async def read(self) -> list[Any]:
        text = await asyncio.wait_for(self.websocket.recv(), 5)
        answer = json.loads(text)
        assert isinstance(answer, list)
        return answer


async def client(csms: Csms, version: str | list[str], station: str = "CS1", **more: Any) -> Client:
    offered = [version] if isinstance(version, str) else version
    websocket = await connect(
        f"{csms.url}/ocpp/{station}",
        subprotocols=[Subprotocol(f"ocpp{one}") for one in offered],
        open_timeout=5,
        close_timeout=1,
        **more,
    )
    return Client(websocket)


@pytest.mark.parametrize("version", VERSIONS)
async def test_boot_is_answered_with_status_time_and_interval(version: str) -> None:
    async with Csms(versions=[version], interval_s=77) as csms:
        station = await client(csms, version)
        kind, answer = await station.ask("BootNotification", boot_of(version))
        assert kind == 3
        assert answer["status"] == "Accepted"
        assert answer["interval"] == 77
        assert datetime.fromisoformat(answer["currentTime"]).tzinfo is not None
        boot = await csms.wait_for("BootNotification", timeout_s=1)
        assert (boot.station, boot.version) == ("CS1", version)
        answered = csms.answer_to(boot)
        assert answered is not None
        assert answered.payload == answer
        assert answered.action == "BootNotification"


async def test_the_servers_preference_decides_on_the_version() -> None:
    async with Csms(versions=["2.0.1", "2.1"]) as csms:
        station = await client(csms, ["2.1", "2.0.1", "1.6"])
        assert station.websocket.subprotocol == "ocpp2.0.1"
        assert (await csms.connected()).version == "2.0.1"


async def test_without_a_common_version_the_connection_is_closed_after_the_handshake() -> None:
    async with Csms(versions=["1.6"]) as csms:
        station = await client(csms, "2.1")
        assert station.websocket.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(station.websocket.recv(), 5)
        assert "no common version" in csms.attempts[0][2]
        assert not csms.stations


async def test_basic_authentication_takes_the_right_user_and_password_alone() -> None:
    def header(user: str, password: bytes) -> dict[str, str]:
        return {"Authorization": "Basic " + b64encode(user.encode() + b":" + password).decode()}

    secret = b"\xff\x00:binary key 20 b"
    async with Csms(password=secret) as csms:
        for headers in ({}, header("CS2", secret), header("CS1", b"wrong")):
            with pytest.raises(InvalidStatus) as refused:
                await client(csms, "1.6", additional_headers=headers)
            assert refused.value.response.status_code == 401
        station = await client(csms, "1.6", additional_headers=header("CS1", secret))
        assert (await station.ask("Heartbeat", {}))[0] == 3


@pytest.mark.parametrize("status", [401, 503])
async def test_connections_are_refused_on_request(status: int) -> None:
    async with Csms() as csms:
        csms.refuse = status
        with pytest.raises(InvalidStatus) as refused:
            await client(csms, "2.1")
        assert refused.value.response.status_code == status
        csms.behave()
        await client(csms, "2.1")


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    server.load_verify_locations(certificate)
    server.verify_mode = ssl.CERT_REQUIRED
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with Csms(tls=server) as csms:
        assert csms.url.startswith("wss://")
        with pytest.raises((OSError, InvalidMessage, ConnectionClosed)):
            await (await client(csms, "2.1", ssl=trusting)).ask("Heartbeat", {})
        trusting.load_cert_chain(certificate, key)
        station = await client(csms, "2.1", ssl=trusting)
        assert (await station.ask("Heartbeat", {}))[0] == 3


def make_certificate(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    address = x509.IPAddress(IPv4Address("127.0.0.1"))
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


@pytest.mark.requirement("B02.FR.09", "B03.FR.07")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_sequence_of_boot_statuses_and_what_is_refused_meanwhile(version: str) -> None:
    async with Csms(boot=["Pending", "Rejected", "Accepted"]) as csms:
        station = await client(csms, version)
        statuses = []
        for _ in range(3):
            statuses.append((await station.ask("BootNotification", boot_of(version)))[1]["status"])
            answer = await station.ask("Heartbeat", {})
            assert (answer[0] == 3) is (statuses[-1] == "Accepted")
            assert answer[0] == 3 or answer[1] == "SecurityError"
        assert statuses == ["Pending", "Rejected", "Accepted"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_was_triggered_is_taken_while_pending(version: str) -> None:
    async with Csms(boot=["Pending"]) as csms:
        station = await client(csms, version)
        await station.ask("BootNotification", boot_of(version))
        calling = asyncio.create_task(
            csms.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
        )
        trigger = await station.read()
        await station.websocket.send(json.dumps([3, trigger[1], {"status": "Accepted"}]))
        assert await calling == {"status": "Accepted"}
        assert (await station.ask("Heartbeat", {}))[0] == 3


async def test_tokens_in_the_words_of_each_generation() -> None:
    tokens = {"AAA": "Blocked", "BBB": "NoCredit"}
    async with Csms(tokens=dict(tokens), unknown_token="Invalid") as csms:
        old = await client(csms, "1.6", "old")
        new = await client(csms, "2.1", "new")
        for token, status_16, status_2x in (
            ("aaa", "Blocked", "Blocked"),
            ("BBB", "Invalid", "NoCredit"),
            ("CCC", "Invalid", "Invalid"),
        ):
            answer = await old.ask("Authorize", {"idTag": token})
            assert answer[1] == {"idTagInfo": {"status": status_16}}
            payload = {"idToken": {"idToken": token, "type": "ISO14443"}}
            answer = await new.ask("Authorize", payload)
            assert answer[1] == {"idTokenInfo": {"status": status_2x}}


async def test_a_transaction_of_1_6_is_numbered_and_booked() -> None:
    async with Csms() as csms:
        station = await client(csms, "1.6")
        start = {"connectorId": 1, "idTag": "AB", "meterStart": 1000, "timestamp": T}
        _, answer = await station.ask("StartTransaction", start)
        number = answer["transactionId"]
        again = await station.ask("StartTransaction", start)
        assert again[1]["transactionId"] == number, "a retry is no new transaction"
        other = await station.ask("StartTransaction", start | {"connectorId": 2})
        assert other[1]["transactionId"] != number
        value = {"timestamp": T, "sampledValue": [{"value": "1.5", "unit": "kWh"}]}
        meter = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
        assert (await station.ask("MeterValues", meter))[1] == {}
        stop = {"transactionId": number, "meterStop": 2250, "timestamp": T, "reason": "Remote"}
        assert (await station.ask("StopTransaction", stop))[1] == {}
        transaction = csms.transactions[0]
        assert transaction.record() | {"started_at": T} == {
            "station": "CS1",
            "version": "1.6",
            "transaction_id": str(number),
            "state": "ended",
            "evse_id": 1,
            "connector_id": 1,
            "id_token": "AB",
            "started_at": T,
            "ended_at": T,
            "reason": "Remote",
            "energy_wh": 1250.0,
            "meter_start_wh": 1000,
            "meter_last_wh": 2250,
            "updates": 1,
            "meter_values": 2,
            "seq_nos": [],
            "repeats": 1,
            "problems": [],
        }
        assert csms.transactions[1].state == "open"


def event(kind: str, seq_no: int, energy_wh: float, **more: Any) -> dict[str, Any]:
    sample = {"value": energy_wh / 1000, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}
    return {
        "eventType": kind,
        "timestamp": T,
        "triggerReason": "Authorized",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "tx"},
        "meterValue": [{"timestamp": T, "sampledValue": [sample]}],
    } | more


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_transaction_of_2_x_is_booked(version: str) -> None:
    async with Csms(tokens={"AB": "Accepted"}) as csms:
        station = await client(csms, version)
        token = {"idToken": "AB", "type": "ISO14443"}
        evse = {"id": 2, "connectorId": 1}
        _, answer = await station.ask(
            "TransactionEvent", event("Started", 0, 1000, idToken=token, evse=evse)
        )
        assert answer == {"idTokenInfo": {"status": "Accepted"}}
        for _ in range(2):
            assert (await station.ask("TransactionEvent", event("Updated", 1, 1500)))[1] == {}
        await station.ask("TransactionEvent", event("Ended", 2, 2500))
        [transaction] = csms.transactions
        assert transaction.state == "ended"
        assert transaction.energy_wh == 1500
        assert transaction.seq_nos == [0, 1, 2]
        assert (transaction.evse_id, transaction.id_token) == (2, "AB")
        assert (transaction.repeats, transaction.updates, transaction.problems) == (1, 1, [])


async def test_what_is_wrong_with_a_transaction_is_noted() -> None:
    async with Csms() as csms:
        station = await client(csms, "2.1")
        await station.ask("TransactionEvent", event("Updated", 0, 1000))
        await station.ask("TransactionEvent", event("Updated", 3, 900))
        await station.ask("TransactionEvent", event("Updated", 3, 901))
        [transaction] = csms.transactions
        assert transaction.state == "partial"
        assert transaction.problems == [
            "the first message is Updated",
            "seqNo 3 after 0",
            "the register went from 1000 to 900 Wh",
            "seqNo 3 came twice with different content",
        ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_unknown_actions_and_those_of_a_csms_are_told_apart(version: str) -> None:
    async with Csms() as csms:
        station = await client(csms, version)
        assert (await station.ask("Nonsense", {}))[:2] == [4, "NotImplemented"]
        assert (await station.ask("Reset", {}))[:2] == [4, "NotSupported"]
        assert (await station.ask("Authorize", {"idTag": [], "idToken": 5}))[0] in (3, 4)
        assert (await station.ask("Heartbeat", {}))[0] == 3


async def test_frames_that_cannot_be_read_get_the_answer_of_their_version() -> None:
    deep = '[2,"7","Heartbeat",' + "[" * 150 + "]" * 150 + "]"
    deeper = "[" * 500_000  # deeper than any Python's JSON goes
    async with Csms() as csms:
        old, new = await client(csms, "1.6", "old"), await client(csms, "2.0.1", "new")
        for text in ("garbage", "{}", "[]", '[2,"7"]', '[9,"7",{}]', deep, deeper, b"\x00\xff"):
            await old.websocket.send(text)
            await new.websocket.send(text)
        assert await old.read() == [4, "7", "FormationViolation", "wrong fields for a Call", {}]
        assert await old.read() == [4, "7", "FormationViolation", "wrong fields for a Call", {}]
        answers = [await new.read() for _ in range(7)]
        assert {answer[2] for answer in answers} == {"RpcFrameworkError"}
        assert [answer[1] for answer in answers] == ["-1", "-1", "-1", "7", "7", "-1", "-1"]
        assert (await new.ask("Heartbeat", {}))[0] == 3
        assert (await old.ask("Heartbeat", {}))[0] == 3
        bad = [message for message in csms.received if message.kind is Kind.BAD]
        assert len(bad) == 16


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_call_to_the_station(version: str) -> None:
    async with Csms() as csms:
        station = await client(csms, version)
        await csms.connected("CS1")
        calling = asyncio.create_task(csms.call("Reset", {"type": "Immediate"}))
        kind, message_id, action, payload = await station.read()
        assert (kind, action, payload) == (2, "Reset", {"type": "Immediate"})
        await station.websocket.send('[3,"nobody asked",{}]')
        await station.websocket.send(json.dumps([3, message_id, {"status": "Accepted"}]))
        assert await calling == {"status": "Accepted"}
        calling = asyncio.create_task(csms.call("Reset", {"type": "Immediate"}))
        _, message_id, _, _ = await station.read()
        await station.websocket.send(json.dumps([4, message_id, "GenericError", "no", {"a": 1}]))
        with pytest.raises(CallFailed, match="GenericError: no") as failed:
            await calling
        assert failed.value.details == {"a": 1}
        with pytest.raises(TimeoutError):
            await csms.call("Reset", {"type": "Immediate"}, timeout_s=0.05)
        await station.read()
        calling = asyncio.create_task(csms.call("Reset", {"type": "Immediate"}))
        await station.read()
        await station.websocket.close()
        with pytest.raises(Disconnected):
            await calling


async def test_one_call_at_a_time_reaches_the_station() -> None:
    async with Csms() as csms:
        station = await client(csms, "2.0.1")
        await csms.connected()
        both = [asyncio.create_task(csms.call("ClearCache", {})) for _ in range(2)]
        first = await station.read()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(station.websocket.recv(), 0.1)
        await station.websocket.send(json.dumps([3, first[1], {"status": "Accepted"}]))
        second = await station.read()
        await station.websocket.send(json.dumps([3, second[1], {"status": "Accepted"}]))
        await asyncio.gather(*both)


async def test_handlers_answer_instead_and_the_ledger_still_sees() -> None:
    async with Csms() as csms:
        station = await client(csms, "2.1")

        def refuse(who: Station, payload: dict[str, Any]) -> None:
            raise Refusal("InternalError", f"{who.id} {payload['customData']['vendorId']}")

        async def cost(_who: Station, _payload: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(0)
            return {"totalCost": 1.5}

        csms.on("Heartbeat", refuse)
        csms.on("TransactionEvent", cost)
        csms.on("MyOwnAction", lambda _who, _payload: {"fine": True})
        csms.on("MeterValues", lambda _who, _payload: 1 / 0)
        answer = await station.ask("Heartbeat", {"customData": {"vendorId": "x"}})
        assert answer == [4, "InternalError", "CS1 x", {}]
        assert (await station.ask("TransactionEvent", event("Started", 0, 1)))[1] == {
            "totalCost": 1.5
        }
        assert len(csms.transactions) == 1
        assert (await station.ask("MyOwnAction", {}))[1] == {"fine": True}
        assert (await station.ask("MeterValues", {}))[:2] == [4, "InternalError"]
        csms.on("Heartbeat", None)
        assert (await station.ask("Heartbeat", {}))[0] == 3


async def test_misbehaviour_by_action_and_number_of_times() -> None:
    async with Csms() as csms:
        station = await client(csms, "2.1")
        loop = asyncio.get_running_loop()
        csms.misbehave("Heartbeat", delay_s=0.2, error="GenericError", description="no", times=1)
        began = loop.time()
        assert await station.ask("Heartbeat", {}) == [4, "GenericError", "no", {}]
        assert loop.time() - began >= 0.2
        csms.misbehave("Heartbeat", drop=True, times=2)
        for _ in range(2):
            await station.websocket.send('[2,"x","Heartbeat",{}]')
        csms.misbehave("Authorize", garbage="[[[", times=1)
        await station.websocket.send('[2,"y","Authorize",{"idToken":{}}]')
        assert await station.websocket.recv() == "[[["
        csms.misbehave("Heartbeat", answer={"currentTime": "soon"})
        assert (await station.ask("Heartbeat", {}))[1] == {"currentTime": "soon"}
        csms.behave("Heartbeat")
        assert (await station.ask("Heartbeat", {}))[1] != {"currentTime": "soon"}


@pytest.mark.parametrize(("how", "code"), [("frame", 1001), ("abort", 1006)])
async def test_the_connection_ends_instead_of_an_answer(how: str, code: int) -> None:
    async with Csms() as csms:
        station = await client(csms, "2.1")
        csms.misbehave("Heartbeat", close=how, times=1)
        await station.websocket.send('[2,"x","Heartbeat",{}]')
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(station.websocket.recv(), 5)
        assert (closed.value.rcvd.code if closed.value.rcvd else 1006) == code
        await csms.disconnected()
        again = await client(csms, "2.1")
        assert (await again.ask("Heartbeat", {}))[0] == 3


async def test_a_newer_connection_displaces_the_older() -> None:
    async with Csms() as csms:
        first = await client(csms, "2.1")
        await csms.connected()
        second = await client(csms, "1.6")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(first.websocket.recv(), 5)
        assert (await second.ask("Heartbeat", {}))[0] == 3
        assert csms.station("CS1").version == "1.6"
        assert csms.station("CS1").connection == 2


async def test_raw_text_and_sends() -> None:
    async with Csms() as csms:
        station = await client(csms, "2.1")
        await csms.connected()
        await csms.station().send_text("not a frame")
        assert await station.websocket.recv() == "not a frame"
        stream = {"id": 1, "pending": 0, "basetime": T, "data": []}
        await station.websocket.send(json.dumps([6, "s", "NotifyPeriodicEventStream", stream]))
        seen = await csms.wait_for("NotifyPeriodicEventStream", id=1)
        assert seen.kind is Kind.SEND
        assert (await station.ask("Heartbeat", {}))[0] == 3, "a SEND has no answer"


async def test_waiting_by_fields_since_a_mark_and_one_after_the_other() -> None:
    async with Csms() as csms:
        station = await client(csms, "2.1")

        async def status(value: str) -> None:
            await station.ask("StatusNotification", {"connectorStatus": value})

        await status("Available")
        await status("Occupied")
        seen = await csms.wait_for("StatusNotification", connectorStatus="Occupied")
        assert seen.payload == {"connectorStatus": "Occupied"}
        assert (await csms.expect("StatusNotification")).payload["connectorStatus"] == "Available"
        assert (await csms.expect("StatusNotification")).payload["connectorStatus"] == "Occupied"
        mark = csms.mark()
        with pytest.raises(TimeoutError, match="no StatusNotification"):
            await csms.wait_for("StatusNotification", since=mark, timeout_s=0.05)
        waiting = asyncio.create_task(csms.wait_for("StatusNotification", since=mark))
        await status("Faulted")
        assert (await waiting).payload == {"connectorStatus": "Faulted"}
        assert len(csms.calls("StatusNotification")) == 3


async def test_the_log_has_every_frame_and_every_coming_and_going(tmp_path: Path) -> None:
    path = tmp_path / "csms.jsonl"
    async with Csms(log=path) as csms:
        station = await client(csms, "2.0.1")
        await station.ask("Heartbeat", {})
        await station.websocket.send("oops")
        await station.read()
        await station.websocket.close()
        await csms.disconnected()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry.get("event") or (entry["direction"], entry["kind"]) for entry in entries] == [
        "connected",
        ("in", "Call"),
        ("out", "CallResult"),
        ("in", "Bad"),
        ("out", "CallError"),
        "disconnected",
    ]
    assert {entry["station"] for entry in entries} == {"CS1"}
    assert entries[2]["action"] == "Heartbeat"
    assert entries[3]["text"] == "oops"


async def test_strict_validation_names_the_code_and_the_path() -> None:
    async with Csms(strict=True) as csms:
        old, new = await client(csms, "1.6", "old"), await client(csms, "2.1", "new")
        assert (await old.ask("BootNotification", {}))[1] == "OccurenceConstraintViolation"
        assert (await new.ask("BootNotification", {}))[1] == "OccurrenceConstraintViolation"
        answer = await new.ask("StatusNotification", {"timestamp": 5})
        assert answer[0] == 4
        answer = await new.ask("BootNotification", BOOT_2X | {"reason": "Boredom"})
        assert answer[1] == "PropertyConstraintViolation"
        assert answer[2].startswith("reason: ")
        assert (await new.ask("BootNotification", BOOT_2X))[0] == 3
        calling = asyncio.create_task(csms.call("ClearCache", {}, station="new"))
        question = await new.read()
        await new.websocket.send(json.dumps([3, question[1], {"status": "Maybe"}]))
        with pytest.raises(CallFailed, match="PropertyConstraintViolation"):
            await calling
        assert (await new.read())[0] == 5


async def test_a_stopped_csms_lets_its_port_go(tmp_path: Path) -> None:
    async with Csms() as csms:
        station = await client(csms, "2.1")
        await csms.connected()
        port = csms.port
        await csms.stop(abort=True)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(station.websocket.recv(), 5)
    async with Csms(versions=["1.6"], port=port) as csms:
        again = await client(csms, ["2.1", "1.6"])
        assert again.websocket.subprotocol == "ocpp1.6"


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        Csms(versions=["1.5"])


async def test_readings_of_an_earlier_time_may_come_later() -> None:
    def value(at: str, wh: float, context: str) -> dict[str, Any]:
        return {"timestamp": at, "sampledValue": [{"value": wh, "context": context}]}

    begin = value("2026-11-22T10:00:00Z", 1000, "Transaction.Begin")
    middle = value("2026-11-22T10:00:30+00:00", 1500, "Sample.Periodic")
    end = value("2026-11-22T10:01:00.500Z", 2000, "Transaction.End")
    async with Csms() as csms:
        station = await client(csms, "2.1")
        await station.ask("TransactionEvent", event("Started", 0, 0, meterValue=[begin]))
        await station.ask("TransactionEvent", event("Updated", 1, 0, meterValue=[middle]))
        await station.ask("TransactionEvent", event("Ended", 2, 0, meterValue=[begin, end]))
        [transaction] = csms.transactions
        assert transaction.energy_wh == 1000
        assert transaction.problems == []
