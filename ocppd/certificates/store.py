"""The certificates of the station in a folder, as the port `Certificates`.

    roots/<type>/<fingerprint>.pem    what the CSMS installed
    own/<name>/key.pem                a key that was made here (mode 0600) and never leaves
    own/<name>/csr.pem                the request for its certificate
    own/<name>/chain.pem              once it was signed; before that the folder is a request
    own/<name>/proven                 once the CSMS took it
    configured.json                   what is known of the files that the configuration names

Each step is one rename of what is already on disk, and what is in use goes last: cut anywhere,
there is a credential that works.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ocppd.certificates import child, files
from ocppd.certificates.configured import Configured, TlsFiles
from ocppd.certificates.entries import Credential, Request, Root, read_facts, read_own, read_root
from ocppd.certificates.trials import LeafTrial, RootTrial, choose, trusted
from ocppd.model.certificates import (
    ROOTS,
    CertificateHashData,
    CertificateHashDataChain,
    CertificateRefusal,
    CertificateUse,
    DeleteStatus,
    OwnCertificate,
    SigningUse,
    Subject,
)

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

_FALLBACK = timedelta(days=30)
_BROKEN = CertificateRefusal("InternalError", "certificates cannot be checked now", failed=True)
_ROOT_OF = {
    SigningUse.CHARGING_STATION: CertificateUse.CSMS_ROOT,
    SigningUse.V2G: CertificateUse.V2G_ROOT,
    SigningUse.V2G20: CertificateUse.V2G_ROOT,
}


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """What one dial uses; `roots` are files, none means those of the system."""

    roots: tuple[Path, ...] = ()
    certificate: Path | None = None
    key: Path | None = None


class CertificateStore:
    """The certificates; what is asked of it at once it knows from memory.

    `attempts` is how many dials a new certificate has before the old one has its turn.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tls: TlsFiles | None = None,
        now: Callable[[], datetime],
        attempts: Callable[[], int] = lambda: 3,
    ) -> None:
        self.unusable: str | None = None
        self._folder = folder
        self._own = folder / "own"
        self._now = now
        self._attempts = attempts
        self._configured = Configured(tls or TlsFiles(), folder / "configured.json")
        self._roots: list[Root] = []
        self._credentials: list[Credential] = []
        self._requests: list[Request] = []
        self._busy = asyncio.Lock()
        self._dials = 0
        self._leaf: LeafTrial | None = None
        self._root: RootTrial | None = None
        self._open()

    def _open(self) -> None:
        """Make the folders, remove what was interrupted, and read what is there."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.make_folder(self._own)
            files.make_folder(self._folder / "roots")
            for use in sorted(ROOTS):
                files.make_folder(self._folder / "roots" / use)
                files.sweep(self._folder / "roots" / use)
            files.sweep(self._own)
        except OSError as error:
            self.unusable = f"the folder of certificates cannot be written: {error}"
            _LOG.error("%s", self.unusable)
        self._configured.load()
        self._read()

    def _read(self) -> None:
        roots, credentials, requests = [], [], []
        for use in sorted(ROOTS):
            for path in _listing(self._folder / "roots" / use):
                if path.suffix == ".pem":
                    root = _readable(partial(read_root, path, use), path)
                    if root is not None:
                        roots.append(root)
        for folder in _listing(self._own):
            own = _readable(partial(read_own, folder), folder)
            if isinstance(own, Credential):
                credentials.append(own)
            elif own is not None:
                requests.append(own)
        self._roots, self._credentials, self._requests = roots, credentials, requests

    async def learn(self) -> None:
        """Look at configured files that are new or changed: at the start, and now and then."""
        async with self._busy:
            await self._learn()

    async def _learn(self) -> None:
        try:
            await self._configured.learn()
        except (child.Unanswered, OSError) as error:
            _LOG.warning("the configured certificates were not read: %s", error)

    # What is there

    @property
    def entries(self) -> int:
        """How many certificates are installed, sub-CAs included."""
        return len(self._roots) + sum(len(each.facts) for each in self._credentials)

    def has_csms_root(self) -> bool:
        """Tell whether a CSMS can be authenticated: a root was installed or configured."""
        return self._configured.has_roots or bool(self._of(CertificateUse.CSMS_ROOT))

    def has_station_certificate(self) -> bool:
        """Tell whether the station has a certificate with its key that is valid now."""
        now = self._now()
        return any(
            each.not_before <= now <= each.not_after
            for each in self._candidates(SigningUse.CHARGING_STATION)
        )

    def own(self, use: SigningUse) -> OwnCertificate | None:
        """Return the certificate that is used for something, or will be; None if there is none."""
        candidates = self._candidates(use)
        if not candidates:
            return None
        newest = max(candidates, key=lambda each: (each.not_before, each.name))
        return OwnCertificate(
            use, newest.not_before, newest.not_after, newest.proven, newest.folder is not None
        )

    def root_for(self, use: SigningUse) -> CertificateHashData | None:
        """Return the root that a certificate is to lead to, if there is exactly one."""
        roots = self._of(_ROOT_OF[use])
        return roots[0].facts.hash_data() if len(roots) == 1 else None

    def listed(self, uses: tuple[CertificateUse, ...]) -> tuple[CertificateHashDataChain, ...]:
        """Return the hash data of what is installed (M03.FR.04, FR.05); no use means all."""
        wanted = uses or tuple(CertificateUse)
        found = [each for use in wanted for each in self._listed(use)]
        return tuple(dict.fromkeys(found))

    def _listed(self, use: CertificateUse) -> Iterator[CertificateHashDataChain]:
        if use is CertificateUse.V2G_CHAIN:
            for each in self._credentials:
                if each.use is SigningUse.CHARGING_STATION:
                    continue
                data = [facts.hash_data() for facts in each.facts]
                leaf, *children = [found for found in data if found is not None]
                yield CertificateHashDataChain(use, leaf, tuple(children[:4]))  # M03.FR.05
            return
        roots = list(self._of(use))
        if use is CertificateUse.CSMS_ROOT:
            roots += self._configured.roots
        for root in roots:
            listed = root.listed()
            if listed is not None:
                yield listed

    def _of(self, use: CertificateUse) -> list[Root]:
        return [each for each in self._roots if each.use is use]

    def _candidates(self, use: SigningUse) -> list[Credential]:
        found = [each for each in self._credentials if each.use is use]
        if use is SigningUse.CHARGING_STATION:
            configured = self._configured.credential
            if configured is not None:
                found.append(configured)
        return found

    # Roots (M04, M05)

    async def install(
        self, use: CertificateUse, pem: str, *, most: int, only_by_successor: bool = False
    ) -> CertificateRefusal | None:
        """Install a root; None if it is on disk and counts from now on.

        `most` is how many certificates there may be in all. With `only_by_successor` a CSMS root
        has to be signed by the one that it replaces (M05.FR.10).
        """
        async with self._busy:
            if only_by_successor and use is CertificateUse.CSMS_ROOT:
                if not self._configured.knows_roots:
                    await self._learn()
                if not self._configured.knows_roots:
                    return _BROKEN  # who knows what it would replace
            replaced = self._replaced(use) if only_by_successor else []
            if any(not each.confirmed for each in replaced):
                return CertificateRefusal("Busy", "another root is being tried")
            signers = await self._texts(replaced or self._of(use), use)
            answer = await self._asked(
                "check_root",
                pem=pem,
                now=self._now().isoformat(),
                signers=signers,
                must_be_signed=bool(replaced),
            )
            if isinstance(answer, CertificateRefusal):
                return answer
            facts = read_facts(answer["facts"])
            path = self._folder / "roots" / use / f"{facts.sha256[:32]}.pem"
            known = any(each.facts.sha256 == facts.sha256 for each in self._of(use))
            if not known and self.entries >= most:  # M05.FR.06; M05.FR.17: one that is there
                return CertificateRefusal("NoSpace", f"there are {most} certificates already")
            names = [each.facts.sha256 for each in replaced if each.facts.sha256 != facts.sha256]
            head: dict[str, Any] = {"facts": answer["facts"], "replaces": names}
            head["confirmed"] = not names
            content = files.with_head(head, answer["pem"])
            refusal = await self._written(lambda: files.write_whole(path, content))
            self._dials = 0
            return refusal

    def _replaced(self, use: CertificateUse) -> list[Root]:
        if use is not CertificateUse.CSMS_ROOT:
            return []
        return trusted([*self._of(use), *self._configured.roots])

    async def _texts(self, roots: list[Root], use: CertificateUse) -> list[str]:
        paths = [each.path for each in roots if each.path is not None]
        if use is CertificateUse.CSMS_ROOT and self._configured.tls.ca_file is not None:
            paths.append(self._configured.tls.ca_file)
        return await asyncio.to_thread(_texts, paths)

    async def delete(
        self, wanted: CertificateHashData, *, anchor: str | None, secured: bool
    ) -> DeleteStatus:
        """Delete what hash data names, unless it is in use (M04).

        `secured` says that there is a connection by TLS, `anchor` which root it rests on (the
        SHA-256 of its DER), if that is known.
        """
        async with self._busy:
            for each in self._candidates(SigningUse.CHARGING_STATION):
                if any(facts.is_named_by(wanted) for facts in each.facts):
                    return DeleteStatus.FAILED  # M04.FR.06
            if any(each.facts.is_named_by(wanted) for each in self._configured.roots):
                return DeleteStatus.FAILED
            doomed = [each for each in self._roots if each.facts.is_named_by(wanted)]
            chains = [
                each
                for each in self._credentials
                if any(facts.is_named_by(wanted) for facts in each.facts)
            ]
            if not doomed and not chains:
                return DeleteStatus.NOT_FOUND  # M04.FR.04
            for root in doomed:
                needed = anchor is None or root.facts.sha256 == anchor
                if root.use is CertificateUse.CSMS_ROOT and secured and needed:
                    return DeleteStatus.FAILED  # 1.6, M04.FR.06; M04.FR.03

            def remove() -> None:
                for root in doomed:
                    if root.path is not None:
                        files.remove_file(root.path)
                for chain in chains:  # M04.FR.08: without its sub-CA it is of no use
                    if chain.folder is not None:
                        files.remove_folder(chain.folder)

            refusal = await self._written(remove)
            return DeleteStatus.ACCEPTED if refusal is None else DeleteStatus.FAILED

    # The station's own (A02, A03)

    async def request(
        self, use: SigningUse, subject: Subject, number: int
    ) -> str | CertificateRefusal:
        """Make a key and return the request for its certificate, PEM; both are on disk then.

        Earlier keys that never got a certificate are given up.
        """
        async with self._busy:
            earlier = [each for each in self._requests if each.use is use]
            answer = await self._asked(
                "make_request",
                use=use.value,
                subject=asdict(subject),
                folder=str(self._own / f"{number:010d}-{use.value}"),
                head={"use": use.value, "number": number},
            )
            if isinstance(answer, CertificateRefusal):
                await asyncio.to_thread(files.sweep, self._own)
                return answer
            await self._written(lambda: _remove(earlier))
            csr: str = answer["csr"]
            return csr

    def pending(self) -> dict[int, SigningUse]:
        """Return the requests that may still be answered."""
        return {each.number: each.use for each in self._requests}

    @property
    def last_number(self) -> int:
        """The greatest number of a request whose key is still here; 0 if there is none."""
        numbers = (folder.name.partition("-")[0] for folder in _listing(self._own))
        return max((int(number) for number in numbers if number.isdecimal()), default=0)

    def request_of(self, use: SigningUse) -> tuple[int, str] | None:
        """Return number and PEM of the latest request for something."""
        found = [each for each in self._requests if each.use is use]
        if not found:
            return None
        latest = max(found, key=lambda each: each.number)
        return latest.number, latest.csr

    async def take(
        self, chain: str, *, use: SigningUse | None, number: int | None, ahead: bool
    ) -> OwnCertificate | CertificateRefusal:
        """Take a signed certificate for one of the requests (A02.FR.06).

        `ahead` allows one that is not valid yet. What is taken is on disk.
        """
        async with self._busy:
            asked = [
                each
                for each in self._requests
                if use in (None, each.use) and number in (None, each.number)
            ]
            if not asked:
                return CertificateRefusal("UnknownRequest", "no certificate was asked for")
            roots = {
                use.value: await self._texts(self._of(_ROOT_OF[use]), _ROOT_OF[use])
                for use in SigningUse
            }
            answer = await self._asked(
                "check_signed",
                chain=chain,
                now=self._now().isoformat(),
                ahead=ahead,
                requests={each.name: each.csr for each in asked},
                uses={each.name: each.use.value for each in asked},
                roots=roots,
            )
            if isinstance(answer, CertificateRefusal):
                return answer
            request = next(each for each in asked if each.name == answer["request"])
            content = files.with_head({"facts": answer["facts"]}, answer["chain"])
            refusal = await self._written(
                lambda: files.write_whole(request.folder / "chain.pem", content)
            )
            if refusal is not None:
                return refusal
            self._dials = 0
            taken = next(each for each in self._credentials if each.name == request.name)
            return OwnCertificate(request.use, taken.not_before, taken.not_after, proven=False)

    # The connection

    def for_dial(self) -> TlsPaths:
        """Return what the next dial uses, and count it as a dial.

        A new certificate has some dials, then the old one as many, in turn (A02.FR.28); a new root
        and the one that it replaces take turns at each dial (M05.FR.14).
        """
        number, self._dials = self._dials, self._dials + 1
        roots = [*self._of(CertificateUse.CSMS_ROOT), *self._configured.roots]
        self._root = RootTrial.of(roots, number)
        paths = [each.path for each in self._root.used if each.path is not None]
        if self._configured.tls.ca_file is not None and (
            any(each.path is None for each in self._root.used)
            if self._configured.knows_roots and self._configured.roots
            # One that replaced what is configured is enough, as long as that is not known.
            else not any(each.confirmed and each.replaces for each in self._root.used)
        ):
            paths.append(self._configured.tls.ca_file)
        self._leaf = LeafTrial.of(
            self._candidates(SigningUse.CHARGING_STATION),
            self._now(),
            turn=number // max(self._attempts(), 2),
        )
        used = self._leaf.used
        if used is None:
            return TlsPaths(tuple(paths))
        return TlsPaths(tuple(paths), used.certificate, used.key)

    def unreached(self) -> None:
        """Take back the count of a dial that never came to the CSMS: it tried nothing."""
        self._dials = max(self._dials - 1, 0)

    async def connected(
        self, *, by_certificate: bool, anchor: str | None, keep_old: bool
    ) -> tuple[str, ...]:
        """Draw the consequences of a connection with what `for_dial` returned last.

        What was tried and works counts from now on, and replaces the other (A02.FR.10, M05.FR.13);
        with `keep_old` the old certificate stays for a month. Returns the subjects of new
        certificates of the station that were discarded because only the old one worked
        (A02.FR.29).
        """
        leaf, root, self._dials = self._leaf, self._root, 0
        discarded: tuple[str, ...] = ()
        async with self._busy:
            if by_certificate and leaf is not None and leaf.used is not None:
                discarded = await self._prove(leaf, keep_old=keep_old)
            if root is not None and root.new is not None and root.new.facts.sha256 == anchor:
                await self._confirm(root.new)
        return discarded

    async def _prove(self, leaf: LeafTrial, *, keep_old: bool) -> tuple[str, ...]:
        used = leaf.used
        assert used is not None
        rejected = [each for each in (leaf.new,) if each is not None and each != used]
        old = [each for each in leaf.others if each.folder is not None and each not in rejected]
        doomed = [each for each in rejected if each.folder is not None]
        if not rejected and not keep_old:
            doomed += old
        if used.proven and not rejected and not doomed:
            return ()

        def settle() -> None:
            # First what works is noted, then the other goes.
            if not used.proven:
                if used.folder is None:
                    self._configured.note("proven", used)
                else:
                    moment = self._now().isoformat().encode()
                    files.write_whole(used.folder / "proven", moment)
            for each in rejected:
                if each.folder is None:
                    self._configured.note("useless", each)
            _remove(doomed)

        if await self._written(settle) is not None:
            return ()
        return tuple(each.subject for each in rejected)

    async def _confirm(self, new: Root) -> None:
        """Let a root replace its predecessors for good (M05.FR.13)."""
        path = new.path
        if path is None:
            return
        gone = [
            each
            for each in self._of(CertificateUse.CSMS_ROOT)
            if each.facts.sha256 in new.replaces and each.path is not None
        ]

        def settle() -> None:
            head, pem = files.read_head(path)
            still = [each.facts.sha256 for each in self._configured.roots]
            head["replaces"] = [name for name in new.replaces if name in still]
            files.write_whole(path, files.with_head({**head, "confirmed": True}, pem))
            for each in gone:
                if each.path is not None:
                    files.remove_file(each.path)

        await self._written(settle)

    async def forget_old(self) -> None:
        """Remove what was kept long enough: a month after its successor, or its own end.

        (1.6, A02.FR.10; certificates for ISO 15118 have no other successor than time.)
        """
        async with self._busy:
            now = self._now()
            current = choose(self._candidates(SigningUse.CHARGING_STATION), now)
            since = current.proven_at if current is not None else None
            doomed = [
                each
                for each in self._credentials
                if (
                    now - each.not_after > _FALLBACK
                    if each.use is not SigningUse.CHARGING_STATION
                    else current is not None
                    and since is not None
                    and now - since > _FALLBACK
                    and each.not_before < current.not_before
                )
            ]
            if doomed:
                await self._written(lambda: _remove(doomed))

    # The child process, and the disk

    async def _asked(self, question: str, **members: Any) -> dict[str, Any] | CertificateRefusal:
        try:
            answer = await child.ask(question, **members)
        except child.Unanswered as error:
            return replace(_BROKEN, text=str(error))
        if "invalid" in answer:
            code, text = answer["invalid"]
            return CertificateRefusal(code, text)
        if "failed" in answer:
            return CertificateRefusal("InternalError", answer["failed"], failed=True)
        return answer

    async def _written(self, work: Callable[[], None]) -> CertificateRefusal | None:
        """Change files in a thread, and read anew what is there, whatever came of it."""
        try:
            await asyncio.to_thread(work)
        except (OSError, ValueError) as error:
            _LOG.error("a certificate cannot be written or removed: %s", error)
            return CertificateRefusal("InternalError", str(error), failed=True)
        finally:
            self._read()
        return None


def _remove(doomed: list[Credential] | list[Request]) -> None:
    for each in doomed:
        if each.folder is not None:
            files.remove_folder(each.folder)


def _texts(paths: list[Path]) -> list[str]:
    """Read PEM files; those of the configuration may hold anything."""
    found = []
    for path in paths:
        try:
            text = path.read_text("ascii", errors="replace")
        except OSError as error:
            _LOG.warning("left out the certificate %s: %s", path, error)
            continue
        if "-----BEGIN CERTIFICATE-----" in text:
            found.append(text)
    return found


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _readable(read: Callable[[], T], path: Path) -> T | None:
    try:
        return read()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("left out %s: %s", path, error)
        return None
