"""What is installed, as its files say: roots, and the station's own certificates."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocppd.certificates import files
from ocppd.model.certificates import (
    CertificateHashData,
    CertificateHashDataChain,
    CertificateUse,
    HashAlgorithm,
    SigningUse,
)

NEVER = datetime.max.replace(tzinfo=UTC)
ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one certificate; `hashes` are the issuer's name and key, by algorithm."""

    sha256: str
    subject: str
    serial: str
    not_before: datetime
    not_after: datetime
    hashes: dict[str, list[str]] | None = None
    responder: str | None = None

    def is_named_by(self, wanted: CertificateHashData) -> bool:
        """Tell whether hash data of any algorithm names this certificate."""
        mine = self.hash_data(wanted.hash_algorithm)
        return mine is not None and mine.folded() == wanted.folded()

    def hash_data(
        self, algorithm: HashAlgorithm = HashAlgorithm.SHA256
    ) -> CertificateHashData | None:
        """Return the hash data, unless the issuer is not known."""
        if self.hashes is None:
            return None
        name, key = self.hashes[algorithm.value]
        return CertificateHashData(algorithm, name, key, self.serial)


def read_facts(found: dict[str, Any]) -> Facts:
    """Read the facts of a certificate as the child process tells them."""
    return Facts(
        sha256=found["sha256"],
        subject=found["subject"],
        serial=found["serial"],
        not_before=datetime.fromisoformat(found["not_before"]),
        not_after=datetime.fromisoformat(found["not_after"]),
        hashes=found["hashes"],
        responder=found["responder"],
    )


@dataclass(frozen=True, slots=True)
class Root:
    """A trusted authority; `replaces` are those that it is to replace, by fingerprint.

    Until `confirmed` by a connection, those stay as a fallback (M05.FR.12). `path` is None for one
    of the configuration file.
    """

    use: CertificateUse
    facts: Facts
    path: Path | None = None
    replaces: tuple[str, ...] = ()
    confirmed: bool = True

    def listed(self) -> CertificateHashDataChain | None:
        """Return it as the CSMS is told of it; None if its issuer is not known."""
        data = self.facts.hash_data()
        return None if data is None else CertificateHashDataChain(self.use, data)


def read_root(path: Path, use: CertificateUse) -> Root:
    """Read an installed root.

    Raises:
        ValueError, KeyError: it was not written by us
        OSError: it cannot be read

    """
    head, _ = files.read_head(path)
    return Root(
        use,
        read_facts(head["facts"]),
        path,
        tuple(head.get("replaces", ())),
        head.get("confirmed", True),
    )


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate of the station and its key; `facts` are the leaf's and its sub-CAs'.

    Nothing is known yet of a configured one that the child process has not seen.
    """

    name: str
    use: SigningUse
    certificate: Path
    key: Path
    facts: tuple[Facts, ...] = ()
    proven: bool = False
    proven_at: datetime | None = None
    folder: Path | None = None

    @property
    def not_before(self) -> datetime:
        """When it begins to be valid."""
        return self.facts[0].not_before if self.facts else ALWAYS

    @property
    def not_after(self) -> datetime:
        """When it expires."""
        return self.facts[0].not_after if self.facts else NEVER

    @property
    def subject(self) -> str:
        """Whom it names."""
        return self.facts[0].subject if self.facts else str(self.certificate)


@dataclass(frozen=True, slots=True)
class Request:
    """A key that a certificate was asked for; `number` is the requestId (A02.FR.24)."""

    name: str
    use: SigningUse
    number: int
    csr: str
    folder: Path


def read_own(folder: Path) -> Credential | Request:
    """Read a folder with a key of ours: a request, or with its certificate a credential.

    Raises:
        ValueError, KeyError: it was not written by us
        OSError: it cannot be read

    """
    asked, csr = files.read_head(folder / "csr.pem")
    use = SigningUse(asked["use"])
    key, chain = folder / "key.pem", folder / "chain.pem"
    if not key.is_file():
        raise ValueError(f"{folder} has no key")
    if not chain.exists():
        return Request(folder.name, use, int(asked["number"]), csr, folder)
    head, _ = files.read_head(chain)
    proven_at: datetime | None = None
    proven = folder / "proven"
    if proven.exists():
        try:
            proven_at = datetime.fromisoformat(proven.read_text().strip())
        except ValueError:
            proven_at = ALWAYS
    return Credential(
        folder.name,
        use,
        chain,
        key,
        tuple(read_facts(each) for each in head["facts"]),
        proven_at is not None,
        proven_at,
        folder,
    )
