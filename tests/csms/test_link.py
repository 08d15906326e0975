import asyncio
import json

import pytest

from ocppd.csms.link import NotSent
from ocppd.csms.payload import RpcError
from ocppd.csms.spelling import Message
from ocppd.csms.traffic import Direction
from ocppd.errors import NoAnswer, NotSpoken, Refused
from ocppd.model.registration import BootNotification, Heartbeat
from ocppd.ocppj.frames import Dialect
from ocppd.station.answer import Answer
from tests.csms.wire import NOW, Bench, answering, settle
from tests.ocppj.test_frames import BAD_CALLS

VARIABLES = {
    "getVariableData": [
        {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    ]
}


def codes(frame):
    return frame[0], frame[1], frame[2]


# Answers to the CSMS


async def test_a_call_is_answered_and_what_follows_comes_after_it():
    order = []
    bench = Bench(routes={"ClearCache": answering({"status": "Accepted"})})
    bench.link._routes["ClearCache"] = answering(
        {"status": "Accepted"}, lambda: order.append(list(bench.sent))
    )
    assert await bench.ask("ClearCache", {}) == [3, "7", {"status": "Accepted"}]
    assert order == [[[3, "7", {"status": "Accepted"}]]]


@pytest.mark.parametrize("dialect", Dialect)
async def test_unknown_and_unsupported_actions(dialect):
    bench = Bench(dialect)
    assert codes(await bench.ask("MakeCoffee", {})) == (4, "7", "NotImplemented")
    assert codes(await bench.ask("DataTransfer", {"vendorId": "x"})) == (4, "7", "NotSupported")
    assert codes(await bench.ask("Request", {})) == (4, "7", "NotImplemented")
    assert codes(await bench.ask("../../etc/passwd", {})) == (4, "7", "NotImplemented")
    assert codes(await bench.ask("clearcache", {})) == (4, "7", "NotImplemented")


@pytest.mark.parametrize(
    ("dialect", "payload", "code"),
    [
        (Dialect.OCPP_16, {}, "OccurenceConstraintViolation"),
        (Dialect.OCPP_16, {"type": 1}, "TypeConstraintViolation"),
        (Dialect.OCPP_16, {"type": "Medium"}, "PropertyConstraintViolation"),
        (Dialect.OCPP_16, {"type": "Soft", "x": 1}, "FormationViolation"),
        (Dialect.OCPP_201, {}, "OccurrenceConstraintViolation"),
        (Dialect.OCPP_201, {"type": 1}, "TypeConstraintViolation"),
        (Dialect.OCPP_21, {"type": "Medium"}, "PropertyConstraintViolation"),
        (Dialect.OCPP_21, {"type": "Immediate", "x": 1}, "FormatViolation"),
    ],
)
async def test_a_payload_against_its_schema_is_refused_by_path(dialect, payload, code):
    bench = Bench(dialect, {"Reset": answering({"status": "Accepted"})})
    answer = await bench.ask("Reset", payload)
    assert codes(answer) == (4, "7", code)
    assert answer[3].startswith("payload")
    assert [kind for kind, _ in bench.events] == ["InvalidMessages"]


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(("text", "message_id", "code", "code_16"), BAD_CALLS)
async def test_bad_frames(text, message_id, code, code_16, dialect):
    bench = Bench(dialect)
    bench.link.receive(text)
    await settle()
    if dialect is Dialect.OCPP_16 and code_16 is None:
        assert bench.sent == []
    else:
        expected = code_16 if dialect is Dialect.OCPP_16 else code
        assert [codes(frame) for frame in bench.sent] == [(4, message_id, expected)]
    assert [kind for kind, _ in bench.events] == ["InvalidMessages"]
    assert bench.traffic[0].reason


async def test_many_bad_frames_make_few_security_events():
    bench = Bench()
    for _ in range(1000):
        bench.link.receive("rubbish")
    assert len(bench.events) == 1
    bench.clock.advance(61)
    bench.link.receive("rubbish")
    assert bench.events[1:] == [("InvalidMessages", "1000 messages, the last: not JSON")]
    await settle()


@pytest.mark.parametrize(
    ("error", "code", "description"),
    [
        (RpcError("PropertyConstraintViolation", "evseId: no such EVSE"), None, None),
        (ValueError("secret"), "InternalError", "internal error"),
        (RecursionError(), "InternalError", "internal error"),
    ],
)
async def test_what_a_handler_raises(error, code, description):
    async def fails(_payload):
        raise error

    bench = Bench(routes={"ClearCache": fails})
    answer = await bench.ask("ClearCache", {})
    assert answer == [
        4,
        "7",
        code or error.code,
        description or error.description,
        {},
    ]


async def test_codes_are_spelled_as_the_version_has_them():
    async def fails(_payload):
        raise RpcError("OccurrenceConstraintViolation", "too many", {"limit": 3})

    bench = Bench(Dialect.OCPP_16, {"ClearCache": fails})
    assert await bench.ask("ClearCache", {}) == [
        4,
        "7",
        "OccurenceConstraintViolation",
        "too many",
        {"limit": 3},
    ]


@pytest.mark.parametrize("result", [{"x": float("nan")}, {"x": object()}])
async def test_an_answer_that_is_no_json_is_an_internal_error(result):
    bench = Bench(routes={"ClearCache": answering(result)})
    assert codes(await bench.ask("ClearCache", {})) == (4, "7", "InternalError")


async def test_a_slow_handler_delays_nothing_else():
    release = asyncio.Event()

    async def slow(_payload):
        await release.wait()
        return Answer({"status": "Accepted"})

    bench = Bench(routes={"ClearCache": slow, "GetVariables": answering({"getVariableResult": []})})
    assert await bench.ask("ClearCache", {}, "slow") is None
    assert await bench.ask("GetVariables", VARIABLES, "fast") == [
        3,
        "fast",
        {"getVariableResult": []},
    ]
    assert codes(await bench.ask("ClearCache", {}, "slow")) == (4, "slow", "GenericError")
    release.set()
    await settle()
    assert bench.sent[-1] == [3, "slow", {"status": "Accepted"}]


async def test_a_handler_may_ask_the_csms():
    async def asks(_payload):
        response = await bench.link.call(Heartbeat())
        return Answer({"status": response.current_time.isoformat()})

    bench = Bench(routes={"ClearCache": asks})
    bench.answers["Heartbeat"] = {"currentTime": NOW}
    await bench.ask("ClearCache", {})
    assert bench.sent[-1] == [3, "7", {"status": "2026-03-01T12:00:00+00:00"}]


async def test_too_many_calls_at_once_are_refused():
    async def never(_payload):
        await asyncio.Event().wait()
        return Answer({})

    bench = Bench(routes={"ClearCache": never})
    for number in range(150):
        bench.say(2, str(number), "ClearCache", {})
    await settle()
    assert len(bench.sent) == 50
    assert {codes(frame)[2] for frame in bench.sent} == {"GenericError"}
    bench.link.close()
    await settle()


# The disk


def writing(bench, result):
    async def route(_payload):
        bench.stored.written += 1
        return Answer(result, lambda: bench.events.append(("then", "")))

    return route


async def test_an_answer_waits_for_the_disk():
    bench = Bench()
    bench.link._routes = {"ClearCache": writing(bench, {"status": "Accepted"})}
    bench.stored.gate = asyncio.Event()
    assert await bench.ask("ClearCache", {}) is None
    assert bench.events == []
    bench.stored.gate.set()
    await settle()
    assert bench.sent == [[3, "7", {"status": "Accepted"}]]
    assert bench.events == [("then", "")]


async def test_what_is_not_stored_is_not_acknowledged_but_reading_goes_on():
    bench = Bench()
    bench.link._routes = {
        "ClearCache": writing(bench, {"status": "Accepted"}),
        "GetVariables": answering({"getVariableResult": []}),
    }
    bench.stored.failure = "disk full"
    assert codes(await bench.ask("ClearCache", {})) == (4, "7", "InternalError")
    assert bench.events == [("then", "")], "the memory has changed: the decision is in force"
    assert (await bench.ask("GetVariables", VARIABLES))[0] == 3


def promising(bench, result):
    """Make a route whose consequence is for a CSMS that knows of it, as a reset is."""

    async def route(_payload):
        bench.stored.written += 1
        return Answer(
            result,
            lambda: bench.events.append(("then", "")),
            unsaid=lambda: bench.events.append(("unsaid", "")),
        )

    return route


async def test_a_reset_that_is_not_stored_does_not_happen_behind_the_back_of_the_csms():
    bench = Bench()
    bench.link._routes = {"ClearCache": promising(bench, {"status": "Accepted"})}
    bench.stored.failure = "disk full"
    assert codes(await bench.ask("ClearCache", {})) == (4, "7", "InternalError")
    assert bench.events == [("unsaid", "")]
    bench.stored.failure = None
    assert await bench.ask("ClearCache", {}) == [3, "7", {"status": "Accepted"}]
    assert bench.events == [("unsaid", ""), ("then", "")]


@pytest.mark.parametrize(("make", "event"), [(writing, "then"), (promising, "unsaid")])
@pytest.mark.parametrize("ending", ["closed", "broken"])
async def test_what_is_decided_when_the_wire_goes_is_gone_through_with(ending, make, event):
    bench = Bench()
    bench.link._routes = {"ClearCache": make(bench, {"status": "Accepted"})}
    bench.stored.gate = asyncio.Event()
    assert await bench.ask("ClearCache", {}) is None
    if ending == "closed":
        bench.link.close()
    else:
        bench.broken = True
    bench.stored.gate.set()
    await settle()
    assert bench.events == [(event, "")]
    assert bench.sent == []


async def test_an_answer_that_is_no_json_was_not_given():
    bench = Bench()
    bench.link._routes = {"ClearCache": promising(bench, {"x": float("nan")})}
    assert codes(await bench.ask("ClearCache", {})) == (4, "7", "InternalError")
    assert bench.events == [("unsaid", "")]


# Before the CSMS has accepted


ACCEPT = answering({"status": "Accepted"})
ROUTES_2 = dict.fromkeys(
    [
        "SetVariables",
        "GetVariables",
        "GetBaseReport",
        "GetReport",
        "TriggerMessage",
        "RequestStopTransaction",
        "ClearCache",
    ],
    ACCEPT,
)
PAYLOADS_2 = {
    "SetVariables": {
        "setVariableData": [
            {"attributeValue": "1", "component": {"name": "C"}, "variable": {"name": "V"}}
        ]
    },
    "GetVariables": VARIABLES,
    "GetBaseReport": {"requestId": 1, "reportBase": "FullInventory"},
    "GetReport": {"requestId": 1},
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "RequestStopTransaction": {"transactionId": "t"},
    "ClearCache": {},
}


@pytest.mark.requirement("B02.FR.01", "B02.FR.05", "B03.FR.08")
@pytest.mark.parametrize("dialect", [Dialect.OCPP_201, Dialect.OCPP_21])
@pytest.mark.parametrize("status", ["Pending", None, "Rejected"])
async def test_who_is_answered_before_acceptance_in_2(status, dialect):
    bench = Bench(dialect, ROUTES_2)
    bench.status = status
    for action, payload in PAYLOADS_2.items():
        answer = await bench.ask(action, payload)
        if status == "Rejected" or action == "ClearCache":
            assert codes(answer) == (4, "7", "SecurityError"), action
        elif action == "RequestStopTransaction":
            assert answer == [3, "7", {"status": "Rejected"}]
        else:
            assert answer == [3, "7", {"status": "Accepted"}], action
    answer = await bench.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
    assert answer == [3, "7", {"status": "Accepted"}]


@pytest.mark.parametrize("status", ["Pending", None, "Rejected"])
async def test_who_is_answered_before_acceptance_in_1_6(status):
    routes = dict.fromkeys(
        ["ClearCache", "RemoteStartTransaction", "RemoteStopTransaction"], ACCEPT
    )
    bench = Bench(Dialect.OCPP_16, routes)
    bench.status = status
    answers = [
        await bench.ask("ClearCache", {}),
        await bench.ask("RemoteStartTransaction", {"idTag": "x"}),
        await bench.ask("RemoteStopTransaction", {"transactionId": 1}),
    ]
    if status == "Rejected":
        assert answers == [None, None, None]
    else:
        assert [answer[2]["status"] for answer in answers] == ["Accepted", "Rejected", "Rejected"]


# Asking the CSMS


async def test_one_call_at_a_time_in_order():
    bench = Bench()
    asked = [asyncio.create_task(bench.link.call(Heartbeat())) for _ in range(3)]
    await settle()
    for number in (1, 2, 3):
        assert [frame[1] for frame in bench.sent] == [f"our-{n}" for n in range(1, number + 1)]
        bench.say(3, f"our-{number}", {"currentTime": NOW})
        await settle()
    assert all(task.done() for task in asked)


async def test_what_is_no_answer_and_what_is_a_refusal():
    bench = Bench()
    task = asyncio.create_task(bench.link.call(Heartbeat()))
    await settle()
    bench.say(4, "our-1", "InternalError", "database down", {})
    with pytest.raises(Refused) as refused:
        await task
    assert (refused.value.code, refused.value.description) == ("InternalError", "database down")

    task = asyncio.create_task(bench.link.call(Heartbeat()))
    await settle()
    bench.clock.advance(29)
    await settle()
    assert not task.done()
    bench.clock.advance(2)
    with pytest.raises(NoAnswer, match="in time"):
        await task
    bench.say(3, "our-2", {"currentTime": NOW})
    assert bench.traffic[-1].reason == "came after the time limit"

    with pytest.raises(NotSpoken):
        await bench.link.call(BootNotification("PowerUp", "v", "m"))


@pytest.mark.parametrize("dialect", Dialect)
async def test_a_response_against_its_schema_is_a_refusal(dialect):
    bench = Bench(dialect)
    task = asyncio.create_task(bench.link.call(Heartbeat()))
    await settle()
    bench.say(3, "our-1", {"currentTime": 7})
    with pytest.raises(Refused, match=r"payload\.currentTime"):
        await task
    await settle()
    refused = [frame for frame in bench.sent if frame[0] == 5]
    if dialect is Dialect.OCPP_21:
        assert codes(refused[0]) == (5, "our-1", "TypeConstraintViolation")
    else:
        assert refused == []


@pytest.mark.parametrize("text", ['[3,"our-1"]', '[3,"our-1",[]]', '[3,"our-1",{"a":1,"a":2}]'])
async def test_a_broken_response_ends_the_wait(text):
    bench = Bench()
    task = asyncio.create_task(bench.link.call(Heartbeat()))
    await settle()
    bench.link.receive(text)
    with pytest.raises(Refused):
        await task


async def test_answers_nobody_asked_for_are_dropped():
    bench = Bench()
    for _ in range(1000):
        bench.say(3, "stray", {})
        bench.say(4, "stray", "GenericError", "", {})
        bench.say(4, "-1", "RpcFrameworkError", "", {})
    assert {each.reason for each in bench.traffic} == {"answers nothing that was asked"}
    bench.answers["Heartbeat"] = {"currentTime": NOW}
    await bench.link.call(Heartbeat())


async def test_an_asker_that_gives_up_leaves_the_line_in_order():
    bench = Bench()
    asked = [asyncio.create_task(bench.link.call(Heartbeat())) for _ in range(4)]
    await settle()
    asked[1].cancel()
    asked[0].cancel()
    await settle()
    assert [frame[1] for frame in bench.sent] == ["our-1"], "the first one is on the wire"
    bench.say(3, "our-1", {"currentTime": NOW})
    await settle()
    assert [frame[1] for frame in bench.sent] == ["our-1", "our-3"]
    bench.say(3, "our-3", {"currentTime": NOW})
    asked[3].cancel()  # at the very moment when its turn comes
    await settle()
    bench.answers["Heartbeat"] = {"currentTime": NOW}
    assert await asyncio.wait_for(bench.link.call(Heartbeat()), 1)


async def test_the_end_of_the_connection_ends_the_wait():
    bench = Bench()
    asked = [asyncio.create_task(bench.link.call(Heartbeat())) for _ in range(3)]
    await settle()
    bench.link.close()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [NoAnswer, NotSent, NotSent]
    with pytest.raises(NoAnswer):
        await bench.link.call(Heartbeat())


async def test_a_turn_that_comes_in_the_step_of_the_end_is_no_answer_either():
    bench = Bench()
    asked = [asyncio.create_task(bench.link.call(Heartbeat())) for _ in range(2)]
    await settle()
    bench.say(3, "our-1", {"currentTime": NOW})
    bench.link.close()
    first, second = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 1)
    assert first.current_time
    assert isinstance(second, NotSent)
    assert len(bench.sent) == 1


@pytest.mark.parametrize("cut", [True, False])
async def test_what_was_on_the_wire_when_the_csms_cut_it_is_known(cut):
    bench = Bench()
    asked = [asyncio.create_task(bench.link.call(Heartbeat())) for _ in range(2)]
    await settle()
    bench.link.close(cut=cut)
    assert bench.link.cut_during == ("our-1" if cut else None)
    first, second = await asyncio.gather(*asked, return_exceptions=True)
    assert type(first) is NoAnswer
    assert type(second) is NotSent


async def test_late_responses_make_room_for_later_ones():
    bench = Bench()
    message = Message("Heartbeat", {}, lambda payload: payload["currentTime"])
    for number in range(40):
        asked = asyncio.create_task(bench.link.exchange(message, f"late-{number}"))
        await settle()
        bench.clock.advance(31)
        with pytest.raises(NoAnswer):
            await asked
        bench.say(3, f"late-{number}", {"currentTime": NOW})
    sent = len(bench.sent)
    assert await asyncio.wait_for(bench.link.exchange(message, "late-39"), 1) == NOW
    assert len(bench.sent) == sent, "it has been answered"
    assert len(bench.link._late) <= 16


async def test_a_cut_wire_is_no_answer():
    bench = Bench()
    bench.broken = True
    with pytest.raises(NoAnswer):
        await bench.link.call(Heartbeat())
    bench.say(2, "7", "ClearCache", {})
    await settle()
    bench.broken = False
    bench.answers["Heartbeat"] = {"currentTime": NOW}
    assert await bench.link.call(Heartbeat())


async def test_a_csms_that_never_answers_does_not_fill_the_memory():
    bench = Bench()
    asked = [asyncio.create_task(bench.link.call(Heartbeat())) for _ in range(300)]
    await settle()
    refused = [task for task in asked if task.done()]
    assert len(refused) == 99
    assert all(isinstance(task.exception(), NotSent) for task in refused)
    bench.link.close()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_a_message_keeps_the_id_that_it_was_given():
    bench = Bench()
    bench.answers["Heartbeat"] = {"currentTime": NOW}
    message = Message("Heartbeat", {}, lambda payload: payload["currentTime"])
    assert await bench.link.exchange(message, "the-id") == NOW
    assert bench.sent == [[2, "the-id", "Heartbeat", {}]]


async def test_messages_of_2_1_that_a_csms_may_send():
    bench = Bench(Dialect.OCPP_21)
    bench.say(6, "1", "NotifyPeriodicEventStream", {})
    bench.say(5, "1", "FormatViolation", "x", {})
    bench.say(99, "1")
    await settle()
    assert bench.sent == []
    assert [each.reason for each in bench.traffic] == [
        "not expected from a CSMS",
        "our answer was refused: FormatViolation",
        "unknown message type",
    ]


# What is shown


async def test_all_traffic_is_shown_with_its_direction_and_why_it_was_refused():
    bench = Bench(routes={"ClearCache": answering({"status": "Accepted"})})
    await bench.ask("ClearCache", {})
    await bench.ask("MakeCoffee", {})
    assert [(each.direction, json.loads(each.text)[0]) for each in bench.traffic] == [
        (Direction.FROM_CSMS, 2),
        (Direction.TO_CSMS, 3),
        (Direction.FROM_CSMS, 2),
        (Direction.TO_CSMS, 4),
    ]
    assert {each.version for each in bench.traffic} == {"2.0.1"}


async def test_a_listener_that_fails_does_not_end_the_link():
    bench = Bench(routes={"ClearCache": answering({"status": "Accepted"})})

    def fails(_traffic):
        raise RuntimeError("no")

    object.__setattr__(bench.link._around, "traffic", fails)
    assert await bench.ask("ClearCache", {}) == [3, "7", {"status": "Accepted"}]
