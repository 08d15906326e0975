import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.ocppj.frames import (
    BadFrame,
    Call,
    CallError,
    CallResult,
    CallResultError,
    Dialect,
    IgnoredFrame,
    Send,
    parse,
    refusal_of,
    text_of,
)

OCPP_16, OCPP_201, OCPP_21 = Dialect.OCPP_16, Dialect.OCPP_201, Dialect.OCPP_21
DEEP = "[" * 5000 + "]" * 5000
LONG_ID = "x" * 37


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"7","Heartbeat",{}]', Call("7", "Heartbeat", {})),
        ('[2,"7","Heartbeat",null]', Call("7", "Heartbeat", {})),
        (
            ' [ 2 , "7" , "X" , {"a":[1,2.5,"b",null,true]} ] ',
            Call("7", "X", {"a": [1, 2.5, "b", None, True]}),
        ),
        ('[3,"7",{"status":"Accepted"}]', CallResult("7", {"status": "Accepted"})),
        ('[3,"7",null]', CallResult("7", {})),
        ('[4,"7","InternalError","no",{"a":1}]', CallError("7", "InternalError", "no", {"a": 1})),
        ('[4,"7","InternalError"]', CallError("7", "InternalError")),
        ('[4,"7","InternalError","no"]', CallError("7", "InternalError", "no")),
        ('[4,"7","InternalError",null,null]', CallError("7", "InternalError")),
        (f'[2,"{"x" * 36}","A",{{}}]', Call("x" * 36, "A", {})),
        ('[2,"7","A",{"n":300.0}]', Call("7", "A", {"n": 300})),
        ('[2,"7","A",{"n":9223372036854775807}]', Call("7", "A", {"n": 2**63 - 1})),
        ('[2,"7","A",{"t":"\\ud83d\\ude00"}]', Call("7", "A", {"t": "\U0001f600"})),
        ('[2,"7","A",{"t":"é\\ud83d\\ude00"}]', Call("7", "A", {"t": "é\U0001f600"})),
    ],
)
def test_frames_that_are_valid_in_every_version(text, frame, dialect):
    assert parse(text, dialect) == frame


def test_messages_of_2_1():
    assert parse('[6,"7","NotifyPeriodicEventStream",{}]', OCPP_21) == Send(
        "7", "NotifyPeriodicEventStream", {}
    )
    assert parse('[5,"7","FormatViolation","x",{}]', OCPP_21) == CallResultError(
        "7", "FormatViolation", "x"
    )
    for dialect in (OCPP_16, OCPP_201):
        assert parse('[6,"7","A",{}]', dialect) == IgnoredFrame(6)
        assert parse('[5,"7","A","",{}]', dialect) == IgnoredFrame(5)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("message_type", [0, 1, 7, -1, 99, 10**15])
def test_unknown_message_types_are_ignored(message_type, dialect):
    assert parse(f'[{message_type},"7","A",{{}}]', dialect) == IgnoredFrame(message_type)
    assert parse(f"[{message_type}]", dialect) == IgnoredFrame(message_type)


# What is sent, the id in the CALLERROR of 2.x, its code there, the id and code in 1.6.
BAD_CALLS = [
    ("", "-1", "RpcFrameworkError", None),
    ("nonsense", "-1", "RpcFrameworkError", None),
    ("{}", "-1", "RpcFrameworkError", None),
    ("[]", "-1", "RpcFrameworkError", None),
    ("7", "-1", "RpcFrameworkError", None),
    ("null", "-1", "RpcFrameworkError", None),
    ('"2"', "-1", "RpcFrameworkError", None),
    ("[2]", "-1", "RpcFrameworkError", None),
    ("[2,7]", "-1", "RpcFrameworkError", None),
    ('[2,7,"Heartbeat",{}]', "-1", "RpcFrameworkError", None),
    ('[2,null,"Heartbeat",{}]', "-1", "RpcFrameworkError", None),
    ('[2,["7"],"Heartbeat",{}]', "-1", "RpcFrameworkError", None),
    (DEEP, "-1", "RpcFrameworkError", None),
    (f'[2,"7","A",{{"a":{DEEP}}}]', "7", "FormatViolation", "FormationViolation"),
    ('{"a":' * 5000 + "1" + "}" * 5000, "-1", "RpcFrameworkError", None),
    (f'[2,"7","A",{{"a":{"[" * 99 + "]" * 99}}}]', "7", "FormatViolation", "FormationViolation"),
    (f'[2,"7","A",{{"n":{"9" * 5000}}}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"n":9223372036854775808}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"n":NaN}]', "7", "FormatViolation", "FormationViolation"),
    ('[2," ","A",{"n":NaN}]', " ", "FormatViolation", "FormationViolation"),
    ('[2,"","A",{"n":NaN}]', "", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"n":Infinity}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"n":-Infinity}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"n":1e999}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"n":-1e999}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"t":"\\ud800"}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"t":"\\uDC00x"}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"t":"\ud800"}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"t":"é\\ud800"}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"\\uDFFF":"é"}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"\\udfff":1}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"a":1,"a":2}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"a":{"b":1,"b":1}}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{"a":1}', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",{a:1}]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A",[]]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A","x"]', "7", "FormatViolation", "FormationViolation"),
    ('[2,"7","A"]', "7", "RpcFrameworkError", "FormationViolation"),
    ('[2,"7"]', "7", "RpcFrameworkError", "FormationViolation"),
    ('[2,"7","A",{},{}]', "7", "RpcFrameworkError", "FormationViolation"),
    ('[2,"7",["A"],{}]', "7", "RpcFrameworkError", "FormationViolation"),
    ('[2,"7",7,{}]', "7", "RpcFrameworkError", "FormationViolation"),
    (f'[2,"{LONG_ID}","A",{{}}]', LONG_ID, "RpcFrameworkError", "FormationViolation"),
    (f'[2,"{"x" * 300}","A",{{}}]', "-1", "RpcFrameworkError", None),
    ('["2","7","A",{}]', "7", "RpcFrameworkError", "FormationViolation"),
    ('[2.5,"7","A",{}]', "7", "RpcFrameworkError", "FormationViolation"),
    ('[true,"7","A",{}]', "7", "RpcFrameworkError", "FormationViolation"),
]


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(("text", "message_id", "code", "code_16"), BAD_CALLS)
def test_bad_calls_are_refused(text, message_id, code, code_16, dialect):
    bad = parse(text, dialect)
    assert isinstance(bad, BadFrame)
    assert bad.reason
    refusal = refusal_of(bad, dialect)
    if dialect is OCPP_16:
        assert (refusal and refusal.code) == code_16
        assert refusal is None or refusal.message_id == message_id
    else:
        assert isinstance(refusal, CallError)
        assert (refusal.message_id, refusal.code) == (message_id, code)
    if refusal is not None:
        text_of(refusal).encode()


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("data", [b"", b"\x00\xff", b'[2,"7","Heartbeat",{}]'])
def test_binary_frames_are_refused(data, dialect):
    bad = parse(data, dialect)
    assert bad == BadFrame("binary frame")
    refusal = refusal_of(bad, dialect)
    assert (refusal is None) == (dialect is OCPP_16)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("text", ['[3,"7"]', '[3,"7",[]]', '[3,"7",{},{}]', '[3,"7",{"a":NaN}]'])
def test_a_bad_result_is_refused_in_2_1_alone(text, dialect):
    bad = parse(text, dialect)
    assert isinstance(bad, BadFrame)
    refusal = refusal_of(bad, dialect)
    if dialect is OCPP_21:
        assert isinstance(refusal, CallResultError)
        assert refusal.message_id == "7"
    else:
        assert refusal is None


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "text", ["[4]", '[4,"7"]', '[4,7,"x"]', '[4,"7",{}]', '[4,"7","A",NaN]', '[6,"7",1,{}]', "[5]"]
)
def test_an_error_is_never_answered_with_an_error(text, dialect):
    frame = parse(text, dialect)
    if isinstance(frame, BadFrame):
        assert refusal_of(frame, dialect) is None
    else:
        assert isinstance(frame, IgnoredFrame | CallError)


def test_what_is_written():
    assert text_of(Call("1", "Heartbeat", {})) == '[2,"1","Heartbeat",{}]'
    assert text_of(CallResult("1", {"a": 1.5})) == '[3,"1",{"a":1.5}]'
    assert text_of(CallError("1", "NotSupported")) == '[4,"1","NotSupported","",{}]'
    assert text_of(CallResultError("1", "X", "y")) == '[5,"1","X","y",{}]'
    assert text_of(Send("1", "A", {"t": "é"})) == '[6,"1","A",{"t":"\\u00e9"}]'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", object()])
def test_what_is_no_json_is_not_written(value):
    with pytest.raises((TypeError, ValueError)):
        text_of(CallResult("1", {"a": value}))


def test_the_error_path_cannot_fail():
    loop = {}
    loop["loop"] = loop
    for details in ({"a": float("nan")}, {"a": object()}, loop):
        text = text_of(CallError("1", "InternalError", "\ud800" + "ä" * 1000, details))
        _, _, _, description, written = json.loads(text.encode())
        assert len(description) == 255
        assert written == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=5) | st.dictionaries(st.text(max_size=5), children, max_size=5)
    ),
    max_leaves=10,
)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_any_bytes_are_read_and_any_refusal_can_be_sent(data):
    for dialect in Dialect:
        frame = parse(data, dialect)
        if isinstance(frame, BadFrame):
            refusal = refusal_of(frame, dialect)
            if refusal is not None:
                text_of(refusal).encode()


@given(
    st.integers(2, 6),
    st.text(max_size=40) | st.integers(),
    st.text(max_size=10) | JSON,
    JSON,
    st.lists(JSON, max_size=2),
)
def test_every_call_with_a_readable_id_is_a_call_or_refused(
    number, message_id, third, fourth, more
):
    text = json.dumps([number, message_id, third, fourth, *more])
    for dialect in Dialect:
        frame = parse(text, dialect)
        if number != 2:
            continue
        if isinstance(frame, Call):
            assert frame.message_id == message_id
        elif isinstance(message_id, str) and message_id.isalnum() and message_id.isascii():
            assert isinstance(frame, BadFrame)
            assert refusal_of(frame, dialect).message_id == message_id


OBJECTS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.text(st.characters(codec="utf-8")) | st.integers(-(2**63), 2**63 - 1) | st.booleans(),
)


@given(st.text(st.characters(codec="utf-8"), max_size=36), OBJECTS)
def test_what_is_written_is_read_again(message_id, payload):
    for frame in (
        Call(message_id, "Action", payload),
        CallResult(message_id, payload),
        CallError(message_id, "GenericError", "why", payload),
        CallResultError(message_id, "GenericError", "why", payload),
        Send(message_id, "Action", payload),
    ):
        assert parse(text_of(frame), OCPP_21) == frame


def test_a_hundred_levels_are_not_too_deep():
    nested = "[" * 98 + "]" * 98

    assert isinstance(parse(f'[2,"7","A",{{"a":{nested}}}]', OCPP_201), Call)
