"""The certificates that the configuration file names: the first credentials of a station.

They are read only; what is known of them is kept in a file of ours, so that a start need not ask
the child process each time.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocppd.certificates import child, files
from ocppd.certificates.entries import Credential, Facts, Root, read_facts
from ocppd.model.certificates import CertificateUse, SigningUse

_LOG = logging.getLogger(__name__)

_LARGEST = 1 << 20
NAME = "configured"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of the configuration: roots of the CSMS, the station's certificate and its key."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


class Configured:
    """What those files hold, as far as it is known."""

    def __init__(self, tls: TlsFiles, memory: Path) -> None:
        self.tls = tls
        self._memory = memory
        self._known: dict[str, Any] = {}

    def load(self) -> None:
        """Take back what was known at the last run."""
        try:
            known = json.loads(self._memory.read_text())
        except (OSError, ValueError):
            return
        if isinstance(known, dict):
            self._known = known

    async def learn(self) -> bool:
        """Look at files that have changed; returns whether there were any.

        Raises:
            Unanswered: the child process does not work
            OSError: what is known cannot be kept

        """
        stale = {
            name: (path, stamp)
            for name, path in (
                ("roots", self.tls.ca_file),
                ("own", self.tls.certificate_file),
            )
            if path is not None
            and (stamp := _stamp(path)) is not None
            and self._known.get(name, {}).get("stamp") != stamp
        }
        if not stale:
            return False
        texts = [_text(path) for path, _ in stale.values()]
        answer = await child.ask("inspect", texts=texts)
        for (name, (path, stamp)), found in zip(stale.items(), answer["facts"], strict=True):
            if not found:
                _LOG.warning("there is no certificate in %s", path)
            self._known[name] = {"stamp": stamp, "facts": found}
        self._keep()
        return True

    @property
    def roots(self) -> tuple[Root, ...]:
        """The roots of the CSMS that are configured."""
        return tuple(
            Root(CertificateUse.CSMS_ROOT, facts)
            for facts in self._facts("roots", self.tls.ca_file)
        )

    @property
    def knows_roots(self) -> bool:
        """Whether `roots` are those that the file holds now; also if there is no such file."""
        path = self.tls.ca_file
        stamp = None if path is None else _stamp(path)
        return stamp is None or self._known.get("roots", {}).get("stamp") == stamp

    @property
    def has_roots(self) -> bool:
        """Whether the file with roots can be read."""
        return self.tls.ca_file is not None and _stamp(self.tls.ca_file) is not None

    @property
    def credential(self) -> Credential | None:
        """The station's certificate, if it is there and was not found useless."""
        certificate, key = self.tls.certificate_file, self.tls.key_file
        if certificate is None or _stamp(certificate) is None:
            return None
        facts = self._facts("own", certificate)
        print_of_it = facts[0].sha256 if facts else None
        if print_of_it is not None and print_of_it == self._known.get("useless"):
            return None
        return Credential(
            NAME,
            SigningUse.CHARGING_STATION,
            certificate,
            key or certificate,
            facts,
            proven=print_of_it is not None and print_of_it == self._known.get("proven"),
        )

    def note(self, what: str, credential: Credential) -> None:
        """Keep that the certificate at hand is `proven`, or `useless`; raises OSError."""
        if credential.facts:
            self._known[what] = credential.facts[0].sha256
            self._keep()

    def _facts(self, name: str, path: Path | None) -> tuple[Facts, ...]:
        known = self._known.get(name)
        if path is None or known is None or known["stamp"] != _stamp(path):
            return ()
        return tuple(read_facts(each) for each in known["facts"])

    def _keep(self) -> None:
        files.write_whole(self._memory, json.dumps(self._known).encode())


def _stamp(path: Path) -> list[str | int] | None:
    """Return what changes when a file does; None if it cannot be read."""
    try:
        with path.open("rb"):
            status = path.stat()
    except OSError:
        return None
    return [str(path), status.st_mtime_ns, status.st_size, status.st_ino]


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("ascii", errors="replace")
