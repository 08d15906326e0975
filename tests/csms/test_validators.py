import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from ocppd.csms import validators
from ocppd.csms.validators.generate import _schemas, write
from ocppd.ocppj.frames import Dialect

FOLDERS = {Dialect.OCPP_16: "v16", Dialect.OCPP_201: "v201", Dialect.OCPP_21: "v21"}


def test_every_action_of_every_version_has_a_validator():
    assert {dialect: len(validators.actions(dialect)) for dialect in Dialect} == {
        Dialect.OCPP_16: 39,
        Dialect.OCPP_201: 64,
        Dialect.OCPP_21: 91,
    }
    for dialect in Dialect:
        for action in validators.actions(dialect):
            validators.check_request(dialect, action, {})
            if action != "NotifyPeriodicEventStream":
                validators.check_response(dialect, action, {})


VALID = [
    (Dialect.OCPP_16, "Heartbeat", {}),
    (Dialect.OCPP_16, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"}),
    (Dialect.OCPP_16, "RemoteStartTransaction", {"idTag": "04A2", "connectorId": 1}),
    (Dialect.OCPP_201, "ClearCache", {"customData": {"vendorId": "x", "more": [1]}}),
    (Dialect.OCPP_21, "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    (Dialect.OCPP_21, "GetBaseReport", {"requestId": 2**31 - 1, "reportBase": "FullInventory"}),
    (Dialect.OCPP_16, "RemoteStopTransaction", {"transactionId": 1_795_000_000_000}),
]


@pytest.mark.parametrize(("dialect", "action", "payload"), VALID)
def test_what_fits_has_no_fault(dialect, action, payload):
    before = json.dumps(payload)
    assert validators.check_request(dialect, action, payload) is None
    assert json.dumps(payload) == before, "no default is written into a payload"


START_16 = "RemoteStartTransaction"
VARIABLE = {"component": {"name": "C"}, "variable": {"name": "V"}}
FAULTS = [
    (Dialect.OCPP_16, START_16, {}, "OccurrenceConstraintViolation", "idTag"),
    (Dialect.OCPP_16, START_16, {"idTag": 7}, "TypeConstraintViolation", "payload.idTag"),
    (
        Dialect.OCPP_16,
        START_16,
        {"idTag": "x" * 21},
        "PropertyConstraintViolation",
        "payload.idTag",
    ),
    (Dialect.OCPP_16, START_16, {"idTag": "x", "idTog": "y"}, "FormatViolation", "idTog"),
    (
        Dialect.OCPP_201,
        "GetVariables",
        {"getVariableData": []},
        "OccurrenceConstraintViolation",
        "payload.getVariableData",
    ),
    (
        Dialect.OCPP_201,
        "GetVariables",
        {"getVariableData": [VARIABLE, VARIABLE | {"attributeType": "Akku"}]},
        "PropertyConstraintViolation",
        "payload.getVariableData[1].attributeType",
    ),
    (
        Dialect.OCPP_21,
        "GetVariables",
        {"getVariableData": [VARIABLE | {"component": {"name": True}}]},
        "TypeConstraintViolation",
        "payload.getVariableData[0].component.name",
    ),
    (
        Dialect.OCPP_201,
        "UpdateFirmware",
        {"requestId": 1, "firmware": {"location": "x", "retrieveDateTime": "tomorrow"}},
        "PropertyConstraintViolation",
        "payload.firmware.retrieveDateTime",
    ),
    (
        Dialect.OCPP_201,
        "ClearCache",
        {"customData": {}},
        "OccurrenceConstraintViolation",
        "payload.customData",
    ),
    *(
        (
            dialect,
            "ReserveNow",
            {
                name: number,
                "idToken": {"idToken": "x", "type": "Central"},
                "expiryDateTime": "2026-01-31T12:00:00Z",
            }
            if dialect is not Dialect.OCPP_16
            else {
                name: number,
                "connectorId": 1,
                "idTag": "x",
                "expiryDate": "2026-01-31T12:00:00Z",
            },
            "PropertyConstraintViolation",
            f"payload.{name}",
        )
        for dialect, name in (
            (Dialect.OCPP_16, "reservationId"),
            (Dialect.OCPP_201, "id"),
            (Dialect.OCPP_21, "id"),
        )
        for number in (2**31, -(2**31) - 1, 999_999_999_999)
    ),
]


@pytest.mark.parametrize(("dialect", "action", "payload", "code", "path"), FAULTS)
def test_a_fault_has_a_code_and_names_the_path(dialect, action, payload, code, path):
    fault = validators.check_request(dialect, action, payload)
    assert fault is not None
    assert fault.code == code
    assert path in fault.text


def test_an_answer_has_integers_of_32_bits_but_for_the_number_of_a_transaction():
    start = {"idTagInfo": {"status": "Accepted"}, "transactionId": 1_795_000_000_000}
    assert validators.check_response(Dialect.OCPP_16, "StartTransaction", start) is None
    boot = {"status": "Accepted", "currentTime": "2026-01-31T12:00:00Z", "interval": 2**31}
    for dialect in Dialect:
        fault = validators.check_response(dialect, "BootNotification", boot)
        assert fault is not None
        assert fault.text == "payload.interval must be smaller than or equal to 2147483647"


def test_a_fault_never_tells_a_value():
    fault = validators.check_request(
        Dialect.OCPP_16, "ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cret" * 100}
    )
    assert fault is not None
    assert "s3cret" not in fault.text


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.123Z",
        "2026-01-31T12:00:00.123456789Z",
        "2026-01-31T12:00:00+01:00",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00",
        "2026-01-31t12:00:00z",
    ],
)
def test_any_date_and_time_of_iso_8601_is_accepted(text):
    payload = {"location": "ftp://x/y", "retrieveDate": text}
    assert validators.check_request(Dialect.OCPP_16, "UpdateFirmware", payload) is None


@pytest.mark.parametrize("text", ["", "now", "2026-01-31", "12:00:00Z", "2026-01-31T12:00:00Zx"])
def test_what_is_no_date_and_time_is_refused(text):
    payload = {"location": "ftp://x/y", "retrieveDate": text}
    fault = validators.check_request(Dialect.OCPP_16, "UpdateFirmware", payload)
    assert fault is not None
    assert fault.code == "PropertyConstraintViolation"


def _example(schema, definitions, rng, depth=0):
    """Make up a payload, mostly valid, from a schema of the package."""
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if rng.random() < 0.02:
        return rng.choice([None, 7, "x", [], {}, True, 1.5])
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            required = set(schema.get("required", ()))
            return {
                name: _example(member, definitions, rng, depth + 1)
                for name, member in schema.get("properties", {}).items()
                if (name in required and rng.random() > 0.02) or (depth < 4 and rng.random() < 0.4)
            }
        case "array":
            least = schema.get("minItems", 0)
            size = rng.choice([least, least, least + 1, max(least - 1, 0)])
            return [_example(schema["items"], definitions, rng, depth + 1) for _ in range(size)]
        case "integer":
            return rng.choice([0, 1, 5, 1000])
        case "number":
            return rng.choice([0, 0.5, 1.1, 230])
        case "boolean":
            return rng.random() < 0.5
        case "string" if schema.get("format") == "date-time":
            return "2026-01-31T12:00:00Z"
        case "string" if schema.get("format") == "uri":
            return "ftp://x/y"
        case _:
            return "x" * rng.choice([0, 1, 5, 20, 50])


@pytest.mark.parametrize("dialect", Dialect)
def test_the_verdict_is_that_of_the_schema(dialect):
    """The generated code against an independent validator of the same schemas."""
    rng = random.Random(16)
    verdicts = {True: 0, False: 0}
    for path in sorted(_schemas(FOLDERS[dialect]).glob("*.json")):
        schema = json.loads(path.read_text("utf-8-sig"))
        validator = jsonschema.validators.validator_for(schema)(schema)
        action = path.stem.removesuffix("Request").removesuffix("Response")
        check = (
            validators.check_response
            if path.stem.endswith("Response")
            else validators.check_request
        )
        for _ in range(12):
            payload = _example(schema, schema.get("definitions", {}), rng)
            if not isinstance(payload, dict) or "multipleOf" in path.read_text("utf-8-sig"):
                continue
            valid = validator.is_valid(payload)
            verdicts[valid] += 1
            assert (check(dialect, action, payload) is None) == valid, (path.stem, payload)
    assert min(verdicts.values()) > 50, verdicts


def test_they_are_made_anew_in_a_few_seconds_and_only_when_needed(tmp_path):
    write(tmp_path / "made")
    stamp = tmp_path / "made" / "STAMP"
    (tmp_path / "made" / "kept").touch()
    write(tmp_path / "made")
    assert (tmp_path / "made" / "kept").exists()
    stamp.write_text("old")
    write(tmp_path / "made")
    assert not (tmp_path / "made" / "kept").exists()
    for name in ("v16/AuthorizeRequest", "v21/NotifyPeriodicEventStreamRequest"):
        path = tmp_path / "made" / f"{name}.py"
        spec = importlib.util.spec_from_file_location("made", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.raises(validators.Fault):
            module.validate({"nothing": "known"})


def test_validating_needs_no_schema_library():
    program = (
        "import sys\n"
        "from ocppd.csms import validators\n"
        "from ocppd.ocppj.frames import Dialect\n"
        "for d in Dialect:\n"
        "    assert validators.check_request(d, 'Heartbeat', {}) is None\n"
        "loaded = {'ocpp', 'jsonschema', 'fastjsonschema', 'cryptography'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2], timeout=30
    )


def test_without_them_the_reader_is_told_what_to_do(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(validators, "import_module", missing)
    with pytest.raises(RuntimeError, match=r"python -m ocppd\.csms\.validators\.generate"):
        validators._module("actions")
