"""From a connection profile to all that a dial needs: files, suites, password, network."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ocppd.csms.network_profiles import NetworkProfile
from ocppd.csms.spelling import SUBPROTOCOLS
from ocppd.csms.tcp import Proxy
from ocppd.csms.tls import Tls
from ocppd.csms.websocket import Dialling
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import InternalCtrlr

_KEY_OF_16 = re.compile(r"[0-9A-Fa-f]{40}")


@dataclass(frozen=True, slots=True)
class Files:
    """Where certificates are."""

    roots: tuple[Path, ...] = ()
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How this box connects, whatever the profile.

    `compression` offers permessage-deflate. `interfaces` has the machine's name for an
    OcppInterface (`Wired0`: `eth0`). `return_after_s` is how long an idle station stays with a
    CSMS that is not its first choice; 0 is until that one is lost. `max_size` is the largest frame
    in bytes.
    """

    compression: bool = True
    proxy: Proxy | None = None
    interfaces: Mapping[str, str] = field(default_factory=dict)
    return_after_s: float = 3600.0
    max_size: int = 1 << 20


@dataclass(slots=True)
class _Passwords:
    """What a slot may try: each password as text and as bytes; `at` is the one to use now."""

    choices: tuple[tuple[str, bytes], ...] = field(repr=False)
    at: int = 0


class Dialler:
    """Knows what to dial with; the password that the CSMS took last comes first."""

    def __init__(self, model: DeviceModel, files: Callable[[], Files], options: Options) -> None:
        self._model = model
        self._files = files
        self._options = options
        self._passwords: dict[int, _Passwords] = {}

    def dialling(
        self,
        profile: NetworkProfile,
        offered: Iterable[str],
        *,
        likely_16: bool,
        old_password: str | None,
        network: str | None,
    ) -> Dialling:
        """Return what to dial for a profile.

        `offered` are the sub-protocols that can be spoken, `likely_16` tells that the CSMS speaks
        1.6, and `network` is what ConfigureNetwork returned.
        """
        spoken = set(offered)
        return Dialling(
            url=profile.url,
            identity=profile.identity,
            security_profile=profile.security_profile,
            subprotocols=[
                name for version in profile.versions if (name := SUBPROTOCOLS[version]) in spoken
            ],
            password=self._password(profile, likely_16, old_password),
            tls=self._tls(),
            max_size=self._options.max_size,
            compression=self._options.compression,
            bind=self.bind_of(profile, network),
            proxy=self._options.proxy,
        )

    def bind_of(self, profile: NetworkProfile, network: str | None) -> str | None:
        """Return the interface or address to connect from; None is any."""
        return network or self._options.interfaces.get(profile.interface)

    def _tls(self) -> Tls:
        model, files = self._model, self._files()
        tls = Tls(
            roots=files.roots,
            certificate=files.certificate,
            key=files.key,
            verify_name=model.flag(InternalCtrlr.VerifyCsmsCommonName, default=True),
            allow_wildcards=model.flag(InternalCtrlr.VerifyCsmsAllowWildcards),
            system_roots=model.flag(InternalCtrlr.UseSslDefaultVerifyPaths, default=True),
        )
        suites = re.split(r"[:,]", model.text(InternalCtrlr.SupportedCiphers12))
        if any(suites):
            tls = replace(tls, ciphers=tuple(one.strip() for one in suites if one.strip()))
        return tls

    # Passwords

    def _password(self, profile: NetworkProfile, likely_16: bool, old: str | None) -> bytes:
        choices = _choices(profile, likely_16, old)
        known = self._passwords.get(profile.slot)
        if known is None or set(known.choices) != set(choices):
            known = self._passwords[profile.slot] = _Passwords(choices)
        return known.choices[known.at][1]

    def refused(self, slot: int) -> None:
        """Use another form of the password, or the former one, for the next attempt."""
        known = self._passwords.get(slot)
        if known is not None:
            known.at = (known.at + 1) % len(known.choices)

    def password_of(self, slot: int) -> str | None:
        """Return the password that was used for a slot last."""
        known = self._passwords.get(slot)
        return None if known is None else known.choices[known.at][0]


def _choices(
    profile: NetworkProfile, likely_16: bool, old: str | None
) -> tuple[tuple[str, bytes], ...]:
    """Return the passwords to try, likeliest first.

    In 1.6 a password of 40 hexadecimal digits is a key of 20 bytes (1.6-J, 6.2.2), in 2.x it is a
    text like any other (A00.FR.205). Where 1.6 is offered, a CSMS that refuses the one is given the
    other at the next attempt.
    """
    texts = [profile.password]
    if old is not None and old != profile.password:
        texts.append(old)  # A01: until the new one has worked
    likely: list[tuple[str, bytes]] = []
    unlikely: list[tuple[str, bytes]] = []
    for text in texts:
        as_text = (text, text.encode())
        if "1.6" not in profile.versions or not _KEY_OF_16.fullmatch(text):
            likely.append(as_text)
            continue
        as_key = (text, bytes.fromhex(text))
        first, second = (as_key, as_text) if likely_16 else (as_text, as_key)
        likely.append(first)
        unlikely.append(second)
    return (*likely, *unlikely)
