"""Signed readings: the signature holds, and the record says what was charged."""

import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ocppd.tools.sim.outbox import Member
from ocppd.tools.sim.signing import new_signer
from tests.tools.sim.scene import Scene


def opened(signed: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a signed reading whose signature holds."""
    head, text, signature = signed["signed_meter_data"].split("|")
    assert head == signed["encoding_method"] == "OCMF"
    section = json.loads(signature)
    assert section["SA"] == signed["signing_method"] == "ECDSA-secp256r1-SHA256"
    key = load_der_public_key(bytes.fromhex(signed["public_key"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(bytes.fromhex(section["SD"]), text.encode(), ec.ECDSA(hashes.SHA256()))
    return dict(json.loads(text))


def test_the_readings_at_begin_and_end_are_signed() -> None:
    scene = Scene(signer=new_signer())
    scene.charge(1, "04A224B2")
    scene.clock.advance(3600)
    scene.swipe("04A224B2")
    begin = opened(scene.event("TransactionStarted")["transaction_started"]["signed_meter_value"])
    finished = scene.event("TransactionFinished")["transaction_finished"]
    end = opened(finished["signed_meter_value"])
    assert [reading["TX"] for reading in begin["RD"]] == ["B"]
    assert [reading["TX"] for reading in end["RD"]] == ["B", "E"]
    assert begin["RD"][0] == end["RD"][0]
    assert begin["ID"] == end["ID"] == "04A224B2"
    assert (begin["PG"], end["PG"]) == ("T1", "T2")
    charged_kwh = end["RD"][1]["RV"] - end["RD"][0]["RV"]
    assert round(charged_kwh * 1000) == round(finished["meter_value"]["energy_Wh_import"]["total"])
    assert end["RD"][1]["TM"].endswith("+0000 S")


def test_readings_in_a_transaction_are_signed() -> None:
    scene = Scene(signer=new_signer())
    scene.charger.start()
    scene.clock.advance(1)
    assert "signed_meter_value" not in scene.reports(1, Member.POWERMETER)[-1]
    scene.charge(1, "04A224B2")
    scene.clock.advance(10)
    reading = scene.reports(1, Member.POWERMETER)[-1]
    record = opened(reading["signed_meter_value"])
    [signed] = record["RD"]
    assert signed["TX"] == "C"
    assert round(signed["RV"] * 1000) == round(reading["energy_Wh_import"]["total"])
    assert record["ID"] == "04A224B2"


def test_the_public_key_is_reported() -> None:
    signer = new_signer()
    assert signer is not None
    scene = Scene(signer=signer)
    scene.charger.begin_reports()
    assert scene.reports(1, Member.PUBLIC_KEY) == [signer.public_key]


def test_a_meter_without_a_key_signs_nothing() -> None:
    scene = Scene()
    scene.charge(1)
    scene.charger.begin_reports()
    assert "signed_meter_value" not in scene.event("TransactionStarted")["transaction_started"]
    assert scene.reports(1, Member.PUBLIC_KEY) == []
