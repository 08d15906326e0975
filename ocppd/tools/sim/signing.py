"""Signed meter readings in the Open Charge Metering Format (OCMF 1.0), with a key made at start.

The signature is real: ECDSA on secp256r1 over the exact text of the payload section. It needs the
`cryptography` package; without it a meter has no signature to give, and gives none.
"""

import json
from datetime import datetime
from typing import Any, Protocol

from ocppd.model.tokens import IdTokenType, ProvidedIdToken
from ocppd.tools.sim.payloads import Payload, timestamp

SIGNING_METHOD = "ECDSA-secp256r1-SHA256"
ENCODING_METHOD = "OCMF"
_IMPORT_REGISTER = "1-0:1.8.0"
_TOKEN_TYPES = {
    IdTokenType.ISO14443: "ISO14443",
    IdTokenType.ISO15693: "ISO15693",
    IdTokenType.EMAID: "EMAID",
    IdTokenType.CENTRAL: "CENTRAL",
    IdTokenType.LOCAL: "LOCAL",
    IdTokenType.KEY_CODE: "KEY_CODE",
}
Reading = tuple[str, datetime, float]


class Signer(Protocol):
    """Signs texts."""

    @property
    def public_key(self) -> str:
        """The public key: SubjectPublicKeyInfo in DER, as hexadecimal digits."""

    def sign(self, text: bytes) -> str:
        """Return the signature in DER, as hexadecimal digits."""


def new_signer() -> Signer | None:
    """Return a signer with a new key, or None where `cryptography` is not installed."""
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        return None
    key = ec.generate_private_key(ec.SECP256R1())
    public_key = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    class EcSigner:
        """An EC key that lives as long as the simulator."""

        public_key = ""

        def sign(self, text: bytes) -> str:
            """Sign a text."""
            return key.sign(text, ec.ECDSA(hashes.SHA256())).hex()

    signer = EcSigner()
    signer.public_key = public_key.hex()
    return signer


class SigningMeter:
    """Writes and signs the readings of one meter; each record has its own number."""

    def __init__(self, meter_id: str, signer: Signer) -> None:
        """Sign with a key that may serve several meters."""
        self._meter_id = meter_id
        self._signer = signer
        self._records = 0

    @property
    def public_key(self) -> str:
        """The public key in hexadecimal digits."""
        return self._signer.public_key

    def signed(self, readings: list[Reading], token: ProvidedIdToken | None) -> Payload:
        """Return a SignedMeterValue.

        Each reading is what it stands for (`B` begin, `E` end of the transaction, `C` in between),
        its time, and the import register in Wh.
        """
        self._records += 1
        record: dict[str, Any] = {
            "FV": "1.0",
            "GI": "ocppd-sim",
            "GS": self._meter_id,
            "PG": f"T{self._records}",
            "MV": "ocppd",
            "MM": "simulated",
            "MS": self._meter_id,
            "IS": token is not None,
            "IF": [],
            "IT": _TOKEN_TYPES.get(token.id_token.type, "UNDEFINED") if token else "NONE",
            "ID": token.id_token.value if token else "",
            "RD": [_reading(*reading) for reading in readings],
        }
        text = json.dumps(record, separators=(",", ":"))
        signature = {"SA": SIGNING_METHOD, "SD": self._signer.sign(text.encode())}
        return {
            "signed_meter_data": f"OCMF|{text}|{json.dumps(signature, separators=(',', ':'))}",
            "signing_method": SIGNING_METHOD,
            "encoding_method": ENCODING_METHOD,
            "public_key": self.public_key,
            "timestamp": timestamp(readings[-1][1]),
        }


def _reading(kind: str, moment: datetime, register_wh: float) -> dict[str, Any]:
    utc = timestamp(moment).rstrip("Z").replace(".", ",")
    return {
        "TM": f"{utc}+0000 S",
        "TX": kind,
        "RV": round(register_wh / 1000, 6),
        "RI": _IMPORT_REGISTER,
        "RU": "kWh",
        "RT": "AC",
        "ST": "G",
    }
