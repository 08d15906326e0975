import subprocess
import sys
from pathlib import Path

import pytest

from ocppd.config import (
    Config,
    ConnectionConfig,
    HostConfig,
    ProxyConfig,
    QueueConfig,
    SchedulesConfig,
    SlotConfig,
    StationConfig,
    read,
)
from ocppd.device_model.names import (
    ChargingStation,
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
)
from ocppd.model.charging_schedules import ChargingRateUnit
from ocppd.strict_yaml import YamlError

README = Path(__file__).parents[1] / "README.md"
WHOLE = """
station: {vendor: Acme, model: AC22, serial_number: "0042", firmware_version: "1.0"}
evses:
  - connectors: [cType2]
  - connectors: [cType2, cCCS2]
csms:
  - url: ws://localhost:9000/ocpp
    identity: CP1
    password: hunter2hunter2
    message_timeout_s: 5
  - slot: 7
    url: ws://localhost:9001
    identity: CP1
    security_profile: 0
versions: [1.6, 2.0.1]
host: {agent_timeout_s: 2.5, agent_grace_s: 0, builtin_system: false}
charging_schedules: {interval_s: 0, duration_s: 900, unit: W}
queue: {orphan_after_h: 100}
device_model: more
log: {level: debug}
max_message_size: 100000
message_journal: {size_mib: 2}
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "ocppd.yaml"
        path.write_text(text)
        return path

    return write


def test_all_of_it(written) -> None:
    path = written(WHOLE)
    (path.parent / "more").mkdir()

    assert read(path) == Config(
        station=StationConfig("Acme", "AC22", "0042", "1.0"),
        evses=(("cType2",), ("cType2", "cCCS2")),
        csms=(
            SlotConfig(1, "ws://localhost:9000/ocpp", "CP1", 1, "hunter2hunter2", 5),
            SlotConfig(7, "ws://localhost:9001", "CP1", 0),
        ),
        versions=("1.6", "2.0.1"),
        host=HostConfig(2.5, 0, builtin_system=False),
        charging_schedules=SchedulesConfig(0, 900, ChargingRateUnit.W),
        queue=QueueConfig(100.0),
        device_model=path.parent / "more",
        log_level="debug",
        max_message_size=100_000,
        message_journal_size=2 << 20,
    )


def test_an_empty_file_is_not_configured(written) -> None:
    assert read(written("")) == Config()
    assert read(written("# nothing yet\n")).csms == ()


def test_the_readme_shows_a_file_that_works(written, tmp_path: Path) -> None:
    (tmp_path / "csms-password").write_text("0123456789abcdef\n")
    example = README.read_text().split("```yaml\n")[1].split("```")[0]

    config = read(written(example))

    assert config.versions == ("2.1", "2.0.1", "1.6")
    assert config.csms[0].security_profile == 2
    assert config.csms[0].password == "0123456789abcdef"


def test_the_device_model_gets_its_first_values(written, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    values = read(written(WHOLE)).initial_values()

    assert values[ChargingStation.VendorName] == "Acme"
    assert values[NetworkConfiguration.OcppCsmsUrl(7)] == "ws://localhost:9001"
    assert values[NetworkConfiguration.BasicAuthPassword(1)] == "hunter2hunter2"
    assert NetworkConfiguration.BasicAuthPassword(7) not in values
    assert values[OCPPCommCtrlr.NetworkConfigurationPriority] == "1,7"
    assert values[InternalCtrlr.SupportedOcppVersions] == "ocpp1.6,ocpp2.0.1"


def test_secrets_stay_out_of_reprs(written, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    assert "hunter2" not in repr(read(written(WHOLE)))


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("station: {vendor: A}", ":1: station:", "the key model is missing"),
        ("stations: {}", ":1: stations:", "unknown key; known are: charging_schedules"),
        ("station:\n  vendor: A\n  model: 22", ":3: station.model:", "expected a text in quotes"),
        ("station: {vendor: A, model: %s}" % ("x" * 21), ":1: station.model:", "longer than 20"),
        ("evses:\n  - connectors: []", ":2: evses[0].connectors:", "1 to 16 connectors"),
        ("evses: 2", ":1: evses:", "expected a list"),
        (
            "csms:\n  - url: http://x\n    identity: a",
            ":2: csms[0].url:",
            "is not the address of a WebSocket",
        ),
        (
            "csms:\n  - url: ws://x\n    identity: a:b\n    password: c",
            ":3: csms[0].identity:",
            "must not contain a colon",
        ),
        *(
            (f"csms:\n  - url: {url}\n    identity: a\n    password: c", ":2: csms[0].url:", what)
            for url, what in (
                ("ws://x:0/ocpp", "a port outside 1..65535"),
                ("ws://x:65536", "a port outside 1..65535"),
                ("ws://x:ocpp", "a port outside 1..65535"),
                ("ws://:9000", "has no host"),
                ('"ws://[::1"', "wrong brackets"),
            )
        ),
        *(
            (f'csms:\n  - url: ws://x\n    identity: "{one}"\n    password: c', ":3: csms", what)
            for one, what in (
                ("CP 1", "letters, digits and any of *-_=+|@."),
                ("CP/1", "letters, digits"),
                ("Säule", "letters, digits"),
            )
        ),
        (
            "versions: [1.6]\ncsms:\n  - {url: ws://x, identity: Säule, password: c}",
            ":3: csms[0].identity:",
            "printable characters of ASCII",
        ),
        (
            "csms:\n  - {url: wss://x, identity: a, security_profile: 3}",
            ":2: csms[0]:",
            "needs tls.certificate_file and tls.key_file",
        ),
        ("device_model: nowhere", ":1: device_model:", "there is no folder"),
        (
            "csms:\n  - url: ws://x\n    identity: a\n    security_profile: 2",
            ":4: csms[0].security_profile:",
            "profile 2 needs a wss address",
        ),
        ("csms:\n  - url: ws://x\n    identity: a", ":2: csms[0]:", "needs a password"),
        (
            "csms:\n  - {url: ws://x, identity: a, password: b, password_file: c}",
            ":2: csms[0]:",
            "both a password and a password_file",
        ),
        (
            "csms:\n  - {url: ws://x, identity: a, password_file: nowhere}",
            ":2: csms[0].password_file:",
            "cannot be read: No such file",
        ),
        (
            "csms:\n  - {url: ws://x, identity: a, security_profile: 0}\n"
            "  - {slot: 1, url: ws://x, identity: a, security_profile: 0}",
            ":3: csms[1]:",
            "slot 1 is there twice",
        ),
        ("versions: [2.0]", ":1: versions[0]:", "2.0 is none of 2.1, 2.0.1, 1.6"),
        ("versions: [2.1, 2.1]", ":1: versions[1]:", "there twice"),
        ("versions: []", ":1: versions:", "must not be empty"),
        ("tls: {ca_file: nowhere.pem}", ":1: tls.ca_file:", "there is no file"),
        ("host: {builtin_system: no}", ":1: host.builtin_system:", "expected true or false"),
        ("host: {agent_timeout_s: 0}", ":1: host.agent_timeout_s:", "outside 0.1..300"),
        ("queue: {orphan_after_h: 0}", ":1: queue.orphan_after_h:", "1"),
        ("charging_schedules: {unit: kW}", ":1: charging_schedules.unit:", "one of A, W"),
        ("log: {level: loud}", ":1: log.level:", "one of debug"),
        ("max_message_size: 1", ":1: max_message_size:", "outside 65536"),
        ("message_journal: {size_mib: -1}", ":1: message_journal.size_mib:", "outside 0"),
        ("message_journal: {size: 1}", ":1: message_journal", "size"),
        ("a: 1\na: 2", ":2: a:", "there twice"),
        ("a: [", ":2:", ""),
    ],
)
def test_each_mistake_has_its_place(written, text: str, place: str, what: str) -> None:
    path = written(text)

    with pytest.raises(YamlError) as refused:
        read(path)
    assert str(refused.value).startswith(str(path) + place)
    assert what in str(refused.value)


def test_the_identity_that_the_text_of_1_6_has_as_an_example(written) -> None:
    text = "versions: [1.6]\ncsms:\n  - {url: ws://x, identity: RDAM 123, password: c}"
    assert read(written(text)).csms[0].identity == "RDAM 123"


def test_security_profile_3_with_its_files(written, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    config = read(
        written(
            "csms:\n  - {url: 'wss://[::1]:65535/x', identity: a*-_=+|@.9, security_profile: 3}\n"
            "tls: {certificate_file: cert.pem, key_file: key.pem}\n"
        )
    )
    assert config.csms[0].security_profile == 3


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ocppd", "--config", path, "--check"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_check_says_in_one_line_that_all_is_well(written, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    path = written(WHOLE)

    ended = check(path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (
        f"{path}: ok, EVSEs: 2, slots: 2, versions: 1.6, 2.0.1, files in {tmp_path}/more: 0\n"
    )
    assert {each.name for each in tmp_path.iterdir()} == {"ocppd.yaml", "more"}


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("values:\n  - {component: AuthCtrlr, variable: Enabled, value: maybe}", ":2: values[0]"),
        ("values:\n  - {component: AuthCtrlr, variable: Nothing, value: 1}", ":2: values[0]"),
        ("component: FloodSensor\nevse: 9\nvariables: {Active: {}}", ""),
        ("keys:\n  Url: {component: OCPPCommCtrlr, variable: [1]}", ":2: keys.Url"),
        ("components: 7", ":1: components"),
    ],
)
def test_check_finds_mistakes_in_the_device_model(
    written, tmp_path: Path, file: str, place: str
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "mine.yaml").write_text(file)

    ended = check(written(WHOLE))

    assert (ended.returncode, ended.stdout) == (78, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"ocppd: {tmp_path}/more/mine.yaml{place}")


def test_check_finds_a_value_that_its_variable_refuses(written) -> None:
    text = "csms:\n  - {url: ws://x, identity: a, password: b, interface: Tin can}"

    ended = check(written(text))

    assert ended.returncode == 78
    assert "ocppd.yaml:2: csms[0].interface: expected one of Wired0" in ended.stderr


def test_check_tells_every_mistake_once(written, tmp_path: Path) -> None:
    path = written(
        """\
station:
  vendor: Acme
  model: 22
  colour: red
evses:
  - connectors: [cType2]
  - {}
csms:
  - url: http://x
    identity: a
    password: b
  - url: wss://x
    identity: b
    password_file: nowhere
    message_timeout_s: 0
versions: [2.1, 3.0]
log: {level: loud}
device_model: more
"""
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.yaml").write_text(
        """\
values:
  - {component: AuthCtrlr, value: 1}
  - {component: AuthCtrlr, variable: Enabled, value: [1]}
keys:
  A: {component: AuthCtrlr}
"""
    )
    (tmp_path / "more" / "b.yaml").write_text("component: [")

    ended = check(path)

    places = [line.split(": ")[1:3] for line in ended.stderr.splitlines()]
    more = tmp_path / "more"
    assert places == [
        [f"{path}:16", "versions[1]"],
        [f"{path}:4", "station.colour"],
        [f"{path}:3", "station.model"],
        [f"{path}:7", "evses[1]"],
        [f"{path}:9", "csms[0].url"],
        [f"{path}:14", "csms[1].password_file"],
        [f"{path}:17", "log.level"],
        [f"{more}/a.yaml:2", "values[0]"],
        [f"{more}/a.yaml:3", "values[1].value"],
        [f"{more}/a.yaml:5", "keys.A"],
        [f"{more}/b.yaml:2", "did not find expected node content"],
    ]
    assert ended.returncode == 78


def test_check_tells_every_mistake_of_values_and_keys(written, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "mine.yaml").write_text(
        """\
components:
  - {component: TokenReader, evse: 9}
  - {component: FloodSensor, evse: 1, variables: {Active: {}}}
values:
  - {component: AuthCtrlr, variable: Enabled, value: maybe}
  - {component: AuthCtrlr, variable: Nothing, value: 1}
keys:
  Flood: {component: FloodSensor, evse: 1, variable: Active}
  Drought: {component: DroughtSensor, variable: Active}
"""
    )

    ended = check(written(WHOLE))

    assert ended.returncode == 78
    assert [line.split(": ")[1] for line in ended.stderr.splitlines()] == [
        f"{tmp_path}/more/mine.yaml:{line}" for line in (2, 5, 6, 9)
    ]
    assert "keys.Drought: there is no variable DroughtSensor.Active" in ended.stderr


CREDENTIAL = """\
csms:
  - {url: ws://x, identity: a, password_file: $CREDENTIALS_DIRECTORY/csms}
"""


def test_a_password_in_a_credential_of_systemd(
    written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "csms").write_text("hunter2hunter2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    assert read(written(CREDENTIAL)).csms[0].password == "hunter2hunter2"

    for text in ("$CREDENTIALS_DIRECTORY/../ocppd.yaml", "$CREDENTIALS_DIRECTORY/.."):
        with pytest.raises(YamlError, match=r":2: csms\[0\]\.password_file: is not of the form"):
            read(written(CREDENTIAL.replace("$CREDENTIALS_DIRECTORY/csms", text)))

    with pytest.raises(YamlError, match="cannot be read: No such file"):
        read(written(CREDENTIAL.replace("/csms}", "/other}")))


def test_a_key_in_a_credential_of_systemd(
    written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    path = written("tls: {key_file: $CREDENTIALS_DIRECTORY/key}")
    with pytest.raises(YamlError, match=r"tls\.key_file: there is no file"):
        read(path)
    (given / "key").write_text("x")
    assert read(path).tls.key_file == given / "key"


def test_a_credential_that_was_not_given(written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = written(CREDENTIAL)
    with pytest.raises(YamlError, match=r"systemd has given no credentials: see LoadCredential=cs"):
        read(path)

    ended = check(path)  # by hand, outside of the service

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith(", not read: csms of systemd\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="cannot be read: No such file"):
        read(tmp_path / "nowhere.yaml")


def test_how_this_box_connects(written) -> None:
    path = written(
        """
connection:
  compression: false
  return_after_s: 0
  interfaces: {Wired0: eth0, Any: wwan0}
  proxy: {url: "http://proxy.example:3128", user: box, password_file: proxy.secret}
"""
    )
    (path.parent / "proxy.secret").write_text("a:b @/\n")
    proxy = ProxyConfig("proxy.example", 3128, "box", "a:b @/")
    found = read(path).connection
    assert found == ConnectionConfig(False, 0.0, {"Wired0": "eth0", "Any": "wwan0"}, proxy)
    assert "a:b" not in repr(found)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{proxy: {url: 'https://x'}}", "connection.proxy.url: is not the address"),
        ("{proxy: {url: 'http://u:p@x'}}", "connection.proxy.url: is not the address"),
        ("{proxy: {url: 'http://x:99999'}}", "connection.proxy.url: has a port outside"),
        ("{proxy: {url: 'http://x', password: p}}", "has a password, but no user"),
        ("{proxy: {url: 'http://x', user: 'a:b', password: p}}", "must not contain a colon"),
        ("{proxy: {user: x}}", "connection.proxy: the key url is missing"),
        ("{interfaces: {Wired9: eth0}}", "connection.interfaces.Wired9: unknown"),
        ("{interfaces: {Wired0: a-name-that-is-too-long}}", "connection.interfaces.Wired0"),
        ("{return_after_s: -1}", "connection.return_after_s"),
        ("{compression: deflate}", "connection.compression"),
    ],
)
def test_mistakes_in_how_it_connects(written, text: str, mistake: str) -> None:
    with pytest.raises(YamlError) as raised:
        read(written(f"connection: {text}"))
    assert mistake in str(raised.value)
