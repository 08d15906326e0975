"""Write the payload validators: `python -m ocppd.csms.validators.generate [FOLDER]`.

The schemas of the `ocpp` package become Python code by fastjsonschema, one module for each message
and direction. Descriptions are left out, so that the code holds facts alone; what a message of
a fault needs is its path and its rule. Takes some seconds; nothing is done when the folder is of
the same sources already.
"""

import hashlib
import json
import re
import shutil
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VERSIONS = ("v16", "v201", "v21")
DEFAULT_FOLDER = Path(__file__).with_name("generated")

# Any offset and any fraction, as ISO 8601 has them; a time without an offset is read as UTC.
_DATE_TIME = (
    r"^\d{4}-\d{2}-\d{2}[Tt ][0-2]\d:[0-5]\d(:[0-6]\d([.,]\d+)?)?([Zz]|[+-][0-2]\d(:?[0-5]\d)?)?\Z"
)
# OCPP's integers have 32 bits (2.1 part 2, 2.1.4; those of 1.6 too, as its SOAP says), which its
# schemas do not tell. The number of a transaction of 1.6 is but a name: CSMSs give longer ones.
_LEAST, _MOST = -(2**31), 2**31 - 1
_OPAQUE = "transactionId"
_LEFT_OUT = frozenset({"$id", "id", "comment", "default", "description", "javaType", "title"})
# A path is needed for a fault alone: without a prefix none is put together.
_PATH = re.compile(r"(validate\w+\(\w+, custom_formats, )(\(name_prefix or .*)\)$")
# The same by cheaper means: no copies of what is only looked at.
_MISSING = re.compile(r"set\(\[(.*)\]\) - (\w+)\.keys\(\)$")
_KEYS = re.compile(r"set\((\w+)\.keys\(\)\)$")
_RAISED = re.compile(r"(JsonSchemaValueException\(.*), value=.*, rule=('\w+')\)$")


def main() -> None:
    """Write the validators, by default beside this module."""
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER)


def write(folder: Path) -> None:
    """Write all validators into a folder, which becomes a package."""
    stamp = _stamp()
    stamped = folder / "STAMP"
    if stamped.is_file() and stamped.read_text() == stamp:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Made by the build."""\n')
    actions: dict[str, list[str]] = {}
    for name in VERSIONS:
        package = folder / name
        package.mkdir()
        (package / "__init__.py").write_text('"""Made by the build."""\n')
        actions[name] = []
        for path in sorted(_schemas(name).glob("*.json")):
            message = _message(path.stem)
            schema = json.loads(path.read_text("utf-8-sig"))
            (package / f"{message}.py").write_text(code_of(schema))
            if message.endswith("Request"):
                actions[name].append(message.removesuffix("Request"))
    (folder / "actions.py").write_text(f'"""Made by the build."""\n\nACTIONS = {actions!r}\n')
    stamped.write_text(stamp)


def code_of(schema: dict[str, Any]) -> str:
    """Return a module whose `validate` raises `Fault` for what does not fit a schema.

    It takes a payload, custom formats (none) and a prefix for paths; without a prefix it is faster
    and its faults name no path.
    """
    from fastjsonschema import compile_to_code  # needed to build alone

    code: str = compile_to_code(
        _essential(schema), formats={"date-time": _DATE_TIME}, use_default=False
    )
    lines = [
        _leaner(line)
        for line in code.splitlines()
        if not line.startswith(("VERSION", "from fastjsonschema import"))
    ]
    imported = "from ocppd.csms.validators.fault import Fault as JsonSchemaValueException"
    return "\n".join([imported, *lines, ""])


def _leaner(line: str) -> str:
    line = _RAISED.sub(r"\1, rule=\2)", line)
    line = _PATH.sub(r"\1name_prefix and \2)", line)
    line = _MISSING.sub(r"{\1}.difference(\2)", line)
    return _KEYS.sub(r"set(\1)", line)


def _essential(schema: Any, *, of_names: bool = False) -> Any:
    """Return a schema without what only people read.

    `of_names`: the keys of this object are names of properties or definitions, not keywords.
    """
    if isinstance(schema, list):
        return [_essential(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    essential = {
        key: _essential(value, of_names=key in ("properties", "definitions") and not of_names)
        for key, value in schema.items()
        if of_names or key not in _LEFT_OUT
    }
    if not of_names and essential.get("type") == "string":
        essential.pop("additionalProperties", None)  # says nothing of a string
    if not of_names and essential.get("type") == "integer":
        essential["minimum"] = max(essential.get("minimum", _LEAST), _LEAST)
        essential["maximum"] = min(essential.get("maximum", _MOST), _MOST)
    if of_names and schema.get(_OPAQUE, {}).get("type") == "integer":
        essential[_OPAQUE] = {"type": "integer"}
    return essential


def _schemas(name: str) -> Path:
    """Return where the `ocpp` package keeps the schemas of a version, without importing it."""
    spec = find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package ocpp is needed to build: its schemas are the source")
    return Path(spec.submodule_search_locations[0]) / name / "schemas"


def _message(stem: str) -> str:
    """Return the name of a message; 1.6 and the message of type SEND name no direction."""
    return stem if stem.endswith(("Request", "Response")) else f"{stem}Request"


def _stamp() -> str:
    generator = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return f"ocpp {version('ocpp')}, fastjsonschema {version('fastjsonschema')}, {generator}\n"


if __name__ == "__main__":
    main()
