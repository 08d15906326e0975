"""What has to have been seen: on the bus, at the CSMS, and the same in both."""

from dataclasses import dataclass, field
from typing import Any

from ocppd.tools.csms import Direction, Kind, SeenTransaction
from ocppd.tools.csms.station import Station
from ocppd.tools.demo.stage import IDENTITY, TOKEN, Stage
from ocppd.tools.traffic import line_of, variable_name

_TOLERANCE_WH = 2.0
"""1.6 counts whole Wh, at the start and at the end."""


@dataclass(slots=True)
class Findings:
    """What was looked for, and whether it was there."""

    entries: list[tuple[str, bool, str]] = field(default_factory=list)

    def check(self, text: str, found: bool, instead: object = "") -> None:
        """Note one thing; `instead` is what was found in its place."""
        self.entries.append((text, found, "" if found else str(instead)))

    @property
    def complete(self) -> bool:
        """Whether all of it was there, and something was looked for at all."""
        return bool(self.entries) and all(found for _, found, _ in self.entries)

    def show(self) -> None:
        """Print all of it."""
        print()
        for text, found, instead in self.entries:
            print(f"  {'✓' if found else '✗'} {text}" + (f": {instead}" if instead else ""))
        missing = sum(not found for _, found, _ in self.entries)
        verdict = f"{missing} of {len(self.entries)} MISSING" if missing else "all there"
        print(f"\n  {len(self.entries)} checks, {verdict}\n", flush=True)


def check_connection(findings: Findings, stage: Stage, version: str) -> None:
    """Check the connection and the registration, on both sides."""
    told = stage.watcher.property_changes("ConnectionStatus")
    findings.check(
        f"ConnectionStatus told the connection in OCPP {version}",
        any(one.get("connected") and one.get("ocpp_version") == version for one in told),
        told,
    )
    told = stage.watcher.property_changes("IsConnected")
    findings.check("IsConnected became true", True in told, told)
    boots = stage.csms.calls("BootNotification")
    answers = [stage.csms.answer_to(boot) for boot in boots]
    findings.check(
        "the CSMS got one BootNotification and accepted it",
        [answer.payload.get("status") for answer in answers if answer] == ["Accepted"],
        f"{len(boots)} BootNotifications",
    )
    signalled = [
        seen.body.get("status") for seen in stage.watcher.signals("BootNotificationResponse")
    ]
    findings.check(
        "BootNotificationResponse was signalled once", signalled == ["Accepted"], signalled
    )


def statuses(stage: Stage, version: str, number: int) -> list[str]:
    """Return the statuses that the CSMS was told of an EVSE (in 1.6: a connector), in order."""
    found = []
    for message in stage.csms.calls():
        if message.version != version:
            continue
        payload = message.payload
        if message.action == "StatusNotification":
            if payload.get("connectorId") == number and "status" in payload:
                found.append(payload["status"])
            elif payload.get("evseId") == number and "connectorStatus" in payload:
                found.append(payload["connectorStatus"])
        elif message.action == "NotifyEvent":
            # 2.1 tells it as a change of the variable as well.
            found += [
                event["actualValue"]
                for event in payload.get("eventData", [])
                if variable_name(event) == f"Connector.AvailabilityState@{number}.1"
            ]
    return found


def in_order(wanted: list[str], found: list[str]) -> bool:
    """Say whether the wanted ones are among the found ones, in their order."""
    rest = iter(found)
    return all(one in rest for one in wanted)


def check_statuses(findings: Findings, stage: Stage, version: str) -> None:
    """Check the StatusNotifications of both EVSEs, before, during and after the session."""
    during = (
        ["Preparing", "Charging", "SuspendedEV", "Charging", "Finishing"]
        if version == "1.6"
        else ["Occupied"]
    )
    wanted = ["Available", *during, "Available"]
    found = statuses(stage, version, 1)
    findings.check(
        f"the CSMS was told of EVSE 1: {', '.join(wanted)}", in_order(wanted, found), found
    )
    found = statuses(stage, version, 2)
    findings.check("the CSMS was told of EVSE 2: Available", found[-1:] == ["Available"], found)
    if version == "1.6":
        found = statuses(stage, version, 0)
        findings.check("the CSMS was told of connector 0: Available", "Available" in found, found)


def check_authorization(findings: Findings, stage: Stage) -> None:
    """Check that the CSMS was asked about the token, and accepted it."""
    told: dict[str, str] = {}
    for message in stage.csms.calls("Authorize"):
        answer = stage.csms.answer_to(message)
        token = message.payload.get("idTag") or message.payload.get("idToken", {}).get("idToken")
        info = {} if answer is None else answer.payload
        info = info.get("idTagInfo", info.get("idTokenInfo", {}))
        told[str(token)] = str(info.get("status"))
    findings.check("the CSMS was asked to authorize the token", told.get(TOKEN) == "Accepted", told)


def check_transaction(
    findings: Findings, stage: Stage, transaction: SeenTransaction, billed_wh: float
) -> None:
    """Check a transaction as the CSMS has it against what the charger's meter says."""
    where = f"transaction {transaction.transaction_id[:8]}"
    findings.check(f"{where}: started and ended", transaction.state == "ended", transaction.state)
    findings.check(f"{where}: its token", transaction.id_token == TOKEN, transaction.id_token)
    findings.check(f"{where}: updated", transaction.updates >= 1, transaction.updates)
    enough = transaction.meter_values >= 3
    findings.check(f"{where}: meter values", enough, transaction.meter_values)
    told = transaction.energy_wh
    agree = told is not None and billed_wh > 0 and abs(told - billed_wh) <= _TOLERANCE_WH
    text = f"{where}: {billed_wh:.1f} Wh on the meter, {told} Wh told"
    findings.check(text, agree, "not the same")
    findings.check(
        f"{where}: nothing is wrong with it", not transaction.problems, transaction.problems
    )
    if transaction.version != "1.6":
        expected = list(range(len(transaction.seq_nos)))
        findings.check(
            f"{where}: seqNo 0 to {len(expected) - 1}",
            transaction.seq_nos == expected,
            transaction.seq_nos,
        )


def check_events(
    findings: Findings, stage: Stage, session_id: str, transaction: SeenTransaction
) -> None:
    """Check that OcppTransactionEvent told the same transaction on the bus."""
    events = [
        seen.body
        for seen in stage.watcher.signals("OcppTransactionEvent")
        if seen.body.get("session_id") == session_id
    ]
    kinds = [event.get("transaction_event") for event in events]
    right = kinds[:1] == ["Started"] and kinds[-1:] == ["Ended"] and "Updated" in kinds[1:-1]
    findings.check("OcppTransactionEvent: Started, Updated, Ended", right, kinds)
    ids = {event["transaction_id"] for event in events if "transaction_id" in event}
    findings.check(
        "OcppTransactionEvent has the transaction's id as the CSMS knows it",
        ids == {transaction.transaction_id},
        f"{ids} on the bus, {transaction.transaction_id} at the CSMS",
    )
    responses = [
        seen.body
        for seen in stage.watcher.signals("OcppTransactionEventResponse")
        if seen.body.get("original_transaction_event", {}).get("session_id") == session_id
    ]
    findings.check("OcppTransactionEventResponse was signalled", bool(responses))


def check_evse(findings: Findings, stage: Stage, evse_id: int, transaction_id: str) -> None:
    """Check that the EVSE's properties had the session and its transaction, and forgot them."""
    path = f"/org/everest/Ocpp/Evse/{evse_id}"
    told = stage.watcher.property_changes("TransactionId", path=path)
    right = transaction_id in told and told[-1] == ""
    findings.check(f"EVSE {evse_id}: TransactionId came and went", right, told)
    told = stage.watcher.property_changes("SessionId", path=path)
    findings.check(
        f"EVSE {evse_id}: SessionId came and went",
        bool(told) and any(told) and told[-1] == "",
        told,
    )


async def check_station(findings: Findings, stage: Stage) -> None:
    """Check what is left: nothing in the queue, good health, limits for all EVSEs."""
    queue = await stage.watcher.call("GetQueue")
    findings.check("nothing is left in the queue", queue == [], queue)
    open_ = await stage.watcher.call("GetTransactions")
    findings.check("no transaction is left open", open_ == [], open_)
    properties = await stage.watcher.properties()
    health = properties.get("Health", {})
    findings.check("Health is ok", health.get("status") == "ok", health)
    schedules = properties.get("ChargingSchedules", {}).get("schedules", [])
    numbers = [schedule.get("evse") for schedule in schedules]
    findings.check(
        "ChargingSchedules has the station and both EVSEs", numbers == [0, 1, 2], numbers
    )


def check_traffic(findings: Findings, stage: Stage, allowed_refusals: int = 0) -> None:
    """Check that the bus told each message, and that nobody found fault with one."""
    told = [str(seen.body.get("message", "")) for seen in stage.watcher.signals("OcppMessage")]
    untold = [
        message.action
        for message in stage.csms.messages
        if not any(f'"{message.message_id}"' in text for text in told)
    ]
    findings.check("OcppMessage told every message that passed", not untold, untold)
    errors = [
        f"{message.action}: {line_of(message.frame, message.action).refusal}"
        for message in stage.csms.messages
        if message.kind in (Kind.CALL_ERROR, Kind.CALL_RESULT_ERROR, Kind.BAD)
    ]
    findings.check("no CALLERROR and no bad frame", len(errors) <= allowed_refusals, errors)
    unanswered = [
        message.action
        for message in stage.csms.messages
        if message.kind is Kind.CALL
        and message.direction is Direction.OUT
        and stage.csms.answer_to(message) is None
    ]
    findings.check("the station answered every CALL", not unanswered, unanswered)


async def check_end(findings: Findings, stage: Stage) -> None:
    """Check that SIGTERM ends the daemon soon and well."""
    lived = stage.daemon_lives()
    status, seconds = await stage.stop_daemon()
    text = f"SIGTERM ended the daemon within 2 s ({seconds:.1f} s)"
    findings.check(text, lived and status == 0 and seconds <= 2.0, f"exit status {status}")


def only_transaction(findings: Findings, stage: Stage, version: str) -> SeenTransaction | None:
    """Return the one transaction that the CSMS has been told in a version."""
    found = [one for one in stage.csms.transactions if one.version == version]
    findings.check(
        f"the CSMS was told of one transaction in OCPP {version}",
        len(found) == 1,
        [one.transaction_id for one in found],
    )
    return found[0] if len(found) == 1 else None


def station(stage: Stage) -> Station:
    """Return the station as the CSMS has it."""
    return stage.csms.station(IDENTITY)


def energy_wh(events: list[Any], session_id: str) -> float:
    """Return what the charger's meter counted from the start of a transaction to its end."""
    readings = {}
    for event in events:
        if event.details.get("uuid") != session_id:
            continue
        for name in ("transaction_started", "transaction_finished"):
            if name in event.details:
                value = event.details[name]["meter_value"]["energy_Wh_import"]["total"]
                readings[name] = float(value)
    if len(readings) < 2:
        return 0.0
    return readings["transaction_finished"] - readings["transaction_started"]
