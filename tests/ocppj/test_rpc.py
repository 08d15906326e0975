from ocppd.ocppj.frames import Call, CallError, CallResult
from ocppd.ocppj.rpc import Asked, Failure, Late, Rpc, Unasked


def call(message_id: str) -> Call:
    return Call(message_id, "Heartbeat", {})


def test_one_call_in_flight_and_the_others_in_order():
    rpc = Rpc()
    first, second, third = (rpc.ask(call(name)) for name in "abc")

    assert rpc.next_to_send() is first
    assert rpc.next_to_send() is None
    assert rpc.answered(CallResult("a", {"x": 1})) is first
    assert first.outcome == CallResult("a", {"x": 1})
    assert rpc.next_to_send() is second
    assert rpc.answered(CallError("b", "GenericError")) is second
    assert rpc.next_to_send() is third
    assert rpc.waiting == 0


def test_boot_notification_goes_first():
    rpc = Rpc()
    in_flight, waiting = rpc.ask(call("a")), rpc.ask(call("b"))
    assert rpc.next_to_send() is in_flight
    boot = rpc.ask(call("boot"), first=True)
    rpc.answered(CallResult("a", {}))
    assert rpc.next_to_send() is boot
    rpc.answered(CallResult("boot", {}))
    assert rpc.next_to_send() is waiting


def test_urgent_calls_keep_their_order():
    rpc = Rpc()
    ordinary = rpc.ask(call("a"))
    urgent = [rpc.ask(call(name), first=True) for name in ("first", "second")]
    for expected in (*urgent, ordinary):
        assert rpc.next_to_send() is expected
        rpc.answered(CallResult(expected.call.message_id, {}))


def test_a_time_out_lets_the_next_one_go_and_a_late_answer_is_known():
    rpc = Rpc()
    slow, following = rpc.ask(call("a")), rpc.ask(call("b"))
    rpc.next_to_send()

    assert rpc.time_out(slow) is True
    assert slow.outcome is Failure.TIMEOUT
    assert rpc.next_to_send() is following
    assert rpc.answered(CallResult("a", {})) == Late(slow.call, CallResult("a", {}))
    assert rpc.answered(CallResult("a", {})) == Unasked(CallResult("a", {}))
    assert rpc.in_flight is following


def test_a_time_out_after_the_answer_changes_nothing():
    rpc = Rpc()
    asked = rpc.ask(call("a"))
    rpc.next_to_send()
    rpc.answered(CallResult("a", {}))
    assert rpc.time_out(asked) is False
    assert asked.outcome == CallResult("a", {})


def test_answers_that_nobody_asked_for_are_told_apart():
    rpc = Rpc()
    waiting = rpc.ask(call("a"))
    stray = CallResult("a", {})
    assert rpc.answered(stray) == Unasked(stray), "it was not sent yet"
    assert rpc.next_to_send() is waiting
    assert rpc.answered(CallResult("zzz", {})) == Unasked(CallResult("zzz", {}))


def test_only_so_many_late_answers_are_waited_for():
    rpc = Rpc()
    for number in range(1000):
        asked = rpc.ask(call(str(number)))
        rpc.next_to_send()
        rpc.time_out(asked)
    assert isinstance(rpc.answered(CallResult("0", {})), Unasked)
    assert isinstance(rpc.answered(CallResult("999", {})), Late)


def test_the_same_id_twice_is_noticed_while_it_is_being_answered():
    rpc = Rpc()
    assert rpc.begin("x") is True
    assert rpc.begin("x") is False
    assert rpc.being_answered == 1
    rpc.end("x")
    assert rpc.begin("x") is True


def test_a_call_can_be_given_up_before_it_is_sent():
    rpc = Rpc()
    in_flight, waiting = rpc.ask(call("a")), rpc.ask(call("b"))
    rpc.next_to_send()
    rpc.give_up(waiting)
    rpc.give_up(in_flight)
    assert rpc.answered(CallResult("a", {})) is in_flight
    assert rpc.next_to_send() is None


def test_the_end_of_the_connection_ends_every_call():
    rpc = Rpc()
    asked = [rpc.ask(call(name)) for name in "abc"]
    rpc.next_to_send()
    rpc.begin("x")
    assert rpc.disconnect() == asked
    assert [each.outcome for each in asked] == [Failure.DISCONNECTED] * 3
    assert rpc.in_flight is None
    assert rpc.being_answered == 0
    assert isinstance(asked[0], Asked)
