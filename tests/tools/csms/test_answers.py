"""Every action of a station has an answer that its schema allows, in all three versions."""

import json
from importlib.resources import files
from typing import Any

import pytest

from ocppd.tools.csms.answers import ANSWERS, SEND_ONLY, TO_STATION, Backoffice, Token
from ocppd.tools.csms.strict import Schemas

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
BOTH_WAYS = {"DataTransfer"}
ACTIONS = [(version, action) for version in ANSWERS for action in sorted(ANSWERS[version])]
SCHEMAS = Schemas()


class Asker:
    def __init__(self, version: str) -> None:
        self.id = "CS1"
        self.version = version


def minimal(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Return the smallest payload that a schema allows."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            names = schema.get("required", [])
            return {name: minimal(schema["properties"][name], root) for name in names}
        case "array":
            return [minimal(schema["items"], root)]
        case "string":
            return "2026-11-22T10:00:00Z" if schema.get("format") == "date-time" else "x"
        case "boolean":
            return True
        case _:
            return int(schema.get("minimum", 1))


def request(version: str, action: str) -> Any:
    name = f"{action}.json" if version == "1.6" else f"{action}Request.json"
    file = files("ocpp") / FOLDERS[version] / "schemas" / name
    schema = json.loads(file.read_text("utf-8-sig"))
    return minimal(schema, schema)


@pytest.mark.parametrize(("version", "action"), ACTIONS)
def test_the_usual_answer_is_valid(version: str, action: str) -> None:
    payload = request(version, action)
    assert SCHEMAS.fault(version, action, payload) is None, "the test's own request"
    office = Backoffice(tokens={"x": Token("Accepted", "parent", "2030-01-01T00:00:00Z")})
    answer = ANSWERS[version][action](office, Asker(version), payload)
    assert SCHEMAS.fault(version, action, answer, response=True) is None


@pytest.mark.parametrize("version", ANSWERS)
def test_every_action_of_the_version_is_known_with_its_direction(version: str) -> None:
    names = {
        file.name.removesuffix(".json")
        for file in (files("ocpp") / FOLDERS[version] / "schemas").iterdir()
        if file.name.endswith(".json") and not file.name.endswith("Response.json")
    }
    actions = {name.removesuffix("Request") for name in names}
    from_station = set(ANSWERS[version]) | (SEND_ONLY if version == "2.1" else set())
    assert actions == from_station | TO_STATION[version]
    assert from_station & TO_STATION[version] == BOTH_WAYS
