"""The station's own certificates: asking for new ones, and changing over to them (A02, A03).

A new key is made for each request; the request is repeated until it is answered, less and less
often. What was signed is used from the next connection on, and the old certificate again if that
does not work: which of them a dial uses is settled behind the port.
"""

import ipaddress
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    ChargingStation,
    InternalCtrlr,
    ISO15118Ctrlr,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.errors import CsmsError, NotSpoken, Offline
from ocppd.model.certificates import (
    CertificateRefusal,
    CertificateSigned,
    OwnCertificate,
    SignCertificate,
    SigningUse,
    SignV2gCertificate,
    Subject,
)
from ocppd.model.registration import ConnectionStatus
from ocppd.model.remote_control import StatusResult
from ocppd.model.variables import ComponentVariable, StatusInfo
from ocppd.station.answer import Answer, nothing
from ocppd.station.certificate_management import count_entries, status_info
from ocppd.station.ports import Outside
from ocppd.station.security import Security

_LOG = logging.getLogger(__name__)

_MONTH = timedelta(days=30)
_SHORTEST_WAIT_S = 10
_LONGEST_DOUBLING = 20
_CLIENT_PROFILE = 3
_TLS = 2
_CSR_FAILED = "CSRGenerationFailed"
_SECC_DOMAIN = "CPO"
"""What ISO 15118-2 wants as domainComponent of a certificate for a charging station."""


def dials_of_a_round(device_model: DeviceModel) -> int:
    """Return how many dials try every network profile as often as it is to be tried (B10)."""
    attempts = device_model.integer(OCPPCommCtrlr.NetworkProfileConnectionAttempts, 3)
    slots = device_model.members(OCPPCommCtrlr.NetworkConfigurationPriority)
    return max(attempts, 1) * max(len(slots), 1)


@dataclass(slots=True, eq=False)
class _Signing:
    """A request for one certificate, as long as it is not answered.

    `number` and `csr` are there once the key is; `unsent` says that there was no connection.
    """

    triggered: bool
    repeats: int = 0
    number: int = 0
    csr: str = ""
    unsent: bool = False
    timer: Timer | None = None


class CertificateRenewal:
    """Keeps the station's own certificates fresh."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        security: Security,
        connection: Callable[[], ConnectionStatus],
    ) -> None:
        self._outside = outside
        self._certificates = outside.certificates
        self._device_model = device_model
        self._security = security
        self._connection = connection
        self._signing: dict[SigningUse, _Signing] = {}
        self._given_up: set[SigningUse] = set()
        self._last_number = 0
        self._checks: dict[SigningUse, tuple[float, Timer]] = {}
        self._changeover: Timer | None = None

    def start(self) -> None:
        """Begin: certificates that were installed before count."""
        count_entries(self._outside, self._device_model)
        self._outside.clock.when_adjusted(self._look_for_changeover)
        self._await_changeover()
        self._outside.clock.call_later(0, self._look_at_files)

    def _look_at_files(self) -> None:
        self._outside.tasks.start(self._certificates.learn(), "configured certificates")

    # When to renew (A03.FR.02)

    def on_online(self) -> None:
        """Go on with what could not be sent, and look soon what expires: the CSMS may be asked."""
        for use, signing in list(self._signing.items()):
            if signing.unsent:
                signing.unsent = False
                self._outside.tasks.start(self._send(use, signing), "SignCertificate")
        for use, delay in (
            (
                SigningUse.CHARGING_STATION,
                InternalCtrlr.ClientCertificateExpireCheckInitialDelaySeconds,
            ),
            (SigningUse.V2G, InternalCtrlr.V2GCertificateExpireCheckInitialDelaySeconds),
        ):
            self._check_in(use, self._device_model.integer(delay, 60))

    def _check_in(self, use: SigningUse, delay_s: float) -> None:
        """Check after so many seconds, unless that is to be done sooner."""
        now = self._outside.clock.monotonic()
        due, timer = self._checks.get(use, (None, None))
        if timer is not None and due is not None:
            if now < due <= now + delay_s:
                return
            timer.cancel()
        self._checks[use] = (
            now + delay_s,
            self._outside.clock.call_later(delay_s, lambda: self._check(use)),
        )

    def _check(self, use: SigningUse) -> None:
        interval = (
            InternalCtrlr.ClientCertificateExpireCheckIntervalSeconds
            if use is SigningUse.CHARGING_STATION
            else InternalCtrlr.V2GCertificateExpireCheckIntervalSeconds
        )
        self._checks.pop(use)
        self._check_in(use, max(self._device_model.integer(interval, 43200), 1))
        self._outside.tasks.start(self._renew_if_due(use), "check of certificates")

    async def _renew_if_due(self, use: SigningUse) -> None:
        await self._certificates.learn()
        await self._certificates.forget_old()
        count_entries(self._outside, self._device_model)
        self._look_for_changeover()
        if use in self._signing or use in self._given_up or not self._is_wanted(use):
            return
        own = self._certificates.own(use)
        if own is not None and own.not_after - self._outside.clock.now() >= _MONTH:
            return
        _LOG.info("%s: %s", use, "expires soon" if own is not None else "there is none")
        self._begin(use, triggered=False)

    def _is_wanted(self, use: SigningUse) -> bool:
        status = self._connection()
        if not status.connected:
            return False  # looked at again when there is a connection
        if use is SigningUse.CHARGING_STATION:
            return status.security_profile == _CLIENT_PROFILE
        return self._has_secc

    @property
    def _has_secc(self) -> bool:
        return bool(
            self._device_model.flag(ISO15118Ctrlr.V2GCertificateInstallationEnabled)
            and self._device_model.text(ISO15118Ctrlr.SeccId)
        )

    # Asking (A02.FR.02, FR.03)

    def why_not(self, use: SigningUse) -> StatusInfo | None:
        """Return why a certificate cannot be asked for now; None if it can."""
        if use is not SigningUse.CHARGING_STATION and not self._has_secc:
            return StatusInfo(
                "NotEnabled", "V2GCertificateInstallationEnabled or SeccId is not set"
            )
        subject = self._subject(use)
        if isinstance(subject, CertificateRefusal):
            self._security.raise_event(_CSR_FAILED, subject.text, critical=True)
            return status_info(subject)
        return None

    def sign(self, use: SigningUse) -> None:
        """Ask for a certificate because the CSMS wants it (A02): also if it was given up."""
        self._given_up.discard(use)
        self._begin(use, triggered=True)

    def _begin(self, use: SigningUse, *, triggered: bool) -> None:
        self._end(use)
        signing = self._signing[use] = _Signing(triggered)
        self._outside.tasks.start(self._request(use, signing), "certificate signing request")

    def _end(self, use: SigningUse) -> None:
        signing = self._signing.pop(use, None)
        if signing is not None and signing.timer is not None:
            signing.timer.cancel()

    def _subject(self, use: SigningUse) -> Subject | CertificateRefusal:
        model = self._device_model
        organization = model.text(SecurityCtrlr.OrganizationName)  # 1.6: CpoName
        if use is not SigningUse.CHARGING_STATION:
            organization = model.text(ISO15118Ctrlr.OrganizationName) or organization
        if not organization:  # A02, prerequisite
            return CertificateRefusal("MissingParam", "OrganizationName (1.6: CpoName) is not set")
        if use is not SigningUse.CHARGING_STATION:
            country = model.text(ISO15118Ctrlr.CountryName) or None
            return Subject(organization, model.text(ISO15118Ctrlr.SeccId), country, _SECC_DOMAIN)
        name = self._first(ChargingStation.SerialNumber, InternalCtrlr.ChargePointSerialNumber)
        name = name or self._connection().identity or model.text(SecurityCtrlr.Identity)
        if not name:
            return CertificateRefusal("MissingParam", "the station has no serial number")
        if _is_address(name):  # A00.FR.511
            return CertificateRefusal("InvalidValue", f"{name} looks like the name of a CSMS")
        return Subject(organization, name)

    def _first(self, *addresses: ComponentVariable) -> str:
        return next((text for each in addresses if (text := self._device_model.text(each))), "")

    def _next_number(self) -> int:
        """Return a requestId that was not used before, also by an earlier run (A02.FR.24)."""
        moment = int(self._outside.clock.now().timestamp()) % 2**31
        known = self._certificates.last_number
        self._last_number = max(self._last_number + 1, known + 1, moment)
        return self._last_number

    async def _request(self, use: SigningUse, signing: _Signing) -> None:
        """Make a key, and send the request for its certificate."""
        subject = self._subject(use)
        number = self._next_number()
        csr: str | CertificateRefusal = (
            subject
            if isinstance(subject, CertificateRefusal)
            else await self._certificates.request(use, subject, number)
        )
        if self._signing.get(use) is not signing:
            return
        if isinstance(csr, CertificateRefusal):
            _LOG.error("no request for a %s: %s", use, csr.text)
            self._end(use)
            self._security.raise_event(_CSR_FAILED, csr.text, critical=True)
            return
        signing.number, signing.csr = number, csr
        await self._send(use, signing)

    async def _send(self, use: SigningUse, signing: _Signing) -> None:
        """Send the request once, and see to it that it is sent again if need be."""
        request = SignCertificate(signing.csr, use, signing.number)  # A02.FR.13
        if use is not SigningUse.CHARGING_STATION:  # A02.FR.27
            root = self._certificates.root_for(use)
            request = SignV2gCertificate(signing.csr, use, signing.number, root)
        try:
            response = await self._outside.csms.call(request, triggered=signing.triggered)
        except Offline:
            signing.unsent = True
            return
        except NotSpoken as error:
            _LOG.info("%s", error)
            if self._signing.get(use) is signing:
                self._end(use)
            return
        except CsmsError as error:
            _LOG.warning("SignCertificate: %s", error)
            self._wait(use, signing)
            return
        if response.accepted:
            self._wait(use, signing)
        elif self._signing.get(use) is signing:  # looked at again at the next check
            _LOG.warning("the CSMS will not have a %s signed", use)
            self._end(use)

    def _wait(self, use: SigningUse, signing: _Signing) -> None:
        """Wait for CertificateSigned, each time twice as long as before (A02.FR.17, FR.18)."""
        if self._signing.get(use) is not signing:
            return
        first = self._device_model.integer(SecurityCtrlr.CertSigningWaitMinimum, 30)
        doublings = min(signing.repeats, _LONGEST_DOUBLING)
        delay_s = max(first, _SHORTEST_WAIT_S) * 2**doublings
        if signing.timer is not None:
            signing.timer.cancel()
        signing.timer = self._outside.clock.call_later(delay_s, lambda: self._again(use, signing))

    def _again(self, use: SigningUse, signing: _Signing) -> None:
        if self._signing.get(use) is not signing:
            return
        signing.timer = None
        most = self._device_model.integer(SecurityCtrlr.CertSigningRepeatTimes, 2)
        if signing.repeats >= most:  # A02.FR.19
            _LOG.warning("no %s came: it is asked for again when the CSMS wants it", use)
            self._end(use)
            self._given_up.add(use)
            return
        signing.repeats += 1
        self._outside.tasks.start(self._send(use, signing), "SignCertificate")

    # What comes of it (A02.FR.06 to FR.08)

    async def signed(self, request: CertificateSigned) -> Answer[StatusResult]:
        """Take a signed certificate, and change over to it after the answer."""
        pending = self._certificates.pending()
        longest = self._device_model.integer(SecurityCtrlr.MaxCertificateChainSize)
        result: OwnCertificate | CertificateRefusal
        if 0 < longest < len(request.chain):  # A02.FR.16
            result = CertificateRefusal(
                "TooLargeElement", f"the chain has more than {longest} characters"
            )
        elif request.request_id is not None and request.request_id not in pending:  # A02.FR.26
            why = StatusInfo("UnknownRequest", f"there is no request {request.request_id}")
            return Answer(StatusResult("Rejected", why))
        else:
            result = await self._certificates.take(
                request.chain,
                use=request.use,
                number=request.request_id,
                ahead=self._outside.csms.manners.plans_certificates,
            )
        if isinstance(result, CertificateRefusal):
            use = request.use or pending.get(request.request_id or 0, SigningUse.CHARGING_STATION)
            return self._refused(use, result)
        self._end(result.use)
        self._given_up.discard(result.use)
        count_entries(self._outside, self._device_model)
        _LOG.info("a new %s, valid from %s to %s", result.use, result.not_before, result.not_after)
        then = self._change_over if result.use is SigningUse.CHARGING_STATION else nothing
        return Answer(StatusResult("Accepted"), then=then)

    def _refused(self, use: SigningUse, refusal: CertificateRefusal) -> Answer[StatusResult]:
        _LOG.warning("a signed %s was refused: %s", use, refusal.text)
        if not refusal.failed:
            if use in self._signing:  # A02.FR.20: not again by itself
                self._end(use)
                self._given_up.add(use)
            # A02.FR.07
            self._security.raise_event("InvalidChargingStationCertificate", refusal.text)
        return Answer(StatusResult("Rejected", status_info(refusal)))

    def _change_over(self) -> None:
        """Reconnect with the new certificate, as soon as it is valid (A02.FR.08)."""
        if self._connection().security_profile == _CLIENT_PROFILE:
            self._security.raise_event(
                "ReconfigurationOfSecurityParameters", "a new certificate of the station"
            )
        if not self._await_changeover():
            self._reconnect()

    def _await_changeover(self) -> bool:
        """Reconnect when the newest certificate begins to be valid; False if it is."""
        if self._changeover is not None:
            self._changeover.cancel()
            self._changeover = None
        own = self._certificates.own(SigningUse.CHARGING_STATION)
        if own is None:
            return False
        delay_s = (own.not_before - self._outside.clock.now()).total_seconds()
        if delay_s <= 0:
            return False
        self._changeover = self._outside.clock.call_later(delay_s, self._on_changeover)
        return True

    def _look_for_changeover(self) -> None:
        """Look again when a new certificate counts, as the clock or the certificates changed."""
        awaited = self._changeover is not None
        if not self._await_changeover() and awaited:
            self._reconnect()  # the clock has jumped over its beginning

    def _on_changeover(self) -> None:
        self._changeover = None
        if not self._await_changeover():
            self._reconnect()

    def _reconnect(self) -> None:
        status = self._connection()
        if status.connected and status.security_profile == _CLIENT_PROFILE:
            self._outside.csms.reconnect("new certificate of the station")

    # The connection

    def on_connected(self, status: ConnectionStatus) -> None:
        """Let what works stay, and what was replaced go (A02.FR.10, M05.FR.13)."""
        profile = status.security_profile or 0
        anchor = self._outside.csms.trust_anchor if profile >= _TLS else None
        self._outside.tasks.start(
            self._settle(by_certificate=profile == _CLIENT_PROFILE, anchor=anchor),
            "certificates of the connection",
        )

    async def _settle(self, *, by_certificate: bool, anchor: str | None) -> None:
        discarded = await self._certificates.connected(
            by_certificate=by_certificate,
            anchor=anchor,
            keep_old=self._outside.csms.manners.plans_certificates,
        )
        for subject in discarded:  # A02.FR.29
            _LOG.warning("the new certificate of %s did not work, the old one does", subject)
            self._security.raise_event("DiscardedRenewedClientCertificate", subject)
        count_entries(self._outside, self._device_model)


def _is_address(name: str) -> bool:
    """Tell whether a name is a URL or an address, by which a CSMS would be named."""
    if "://" in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
