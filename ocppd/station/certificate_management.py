"""Block M, Certificate management: the certificates that the station trusts (M03, M04, M05).

The station's own are in `certificate_renewal` (A02, A03); files and X.509 are behind the port.
"""

import logging
from collections.abc import Callable

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import InternalCtrlr, SecurityCtrlr
from ocppd.model.certificates import (
    CertificateHashDataChain,
    CertificateRefusal,
    CertificateUse,
    DeleteCertificate,
    DeleteStatus,
    GetInstalledCertificateIds,
    InstallCertificate,
    InstallStatus,
)
from ocppd.model.registration import ConnectionStatus
from ocppd.model.remote_control import StatusResult
from ocppd.model.variables import StatusInfo
from ocppd.station.answer import Answer
from ocppd.station.ports import Outside
from ocppd.station.security import Security

_LOG = logging.getLogger(__name__)

_DEFAULT_ENTRIES = 100
_TLS = 2
"""From this security profile on the connection is secured."""

_UNSECURED = {
    CertificateUse.CSMS_ROOT: InternalCtrlr.AllowCSMSRootCertInstallWithUnsecureConnection,
    CertificateUse.MANUFACTURER_ROOT: InternalCtrlr.AllowMFRootCertInstallWithUnsecureConnection,
}
"""Which roots need a leave to come over a connection that anybody could have tampered with."""

_NOT_ITS_FAULT = frozenset({"NoSpace", "Busy"})


def status_info(refusal: CertificateRefusal) -> StatusInfo:
    """Return why a certificate was refused, as the CSMS is told."""
    return StatusInfo(refusal.reason_code, refusal.text)


def count_entries(outside: Outside, device_model: DeviceModel) -> None:
    """Tell the device model how many certificates are installed."""
    device_model.set_actual(SecurityCtrlr.CertificateEntries, outside.certificates.entries)


class CertificateManagement:
    """Installs, lists and deletes certificates for the CSMS."""

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

    @property
    def _secured(self) -> bool:
        return (self._connection().security_profile or 0) >= _TLS

    async def install(self, request: InstallCertificate) -> Answer[StatusResult]:
        """Install a root certificate (M05.FR.01)."""
        allowed = _UNSECURED.get(request.use)
        if allowed is not None and not self._secured and not self._device_model.flag(allowed):
            why = StatusInfo("UnsecuredConnection", f"only by TLS, unless {allowed} allows it")
            return Answer(StatusResult(InstallStatus.REJECTED.value, why))
        variable = self._device_model.find(SecurityCtrlr.CertificateEntries)
        most = variable.characteristics.max_limit if variable is not None else None
        refusal = await self._certificates.install(
            request.use,
            request.certificate,
            most=int(most) if most is not None else _DEFAULT_ENTRIES,
            only_by_successor=request.use is CertificateUse.CSMS_ROOT
            and self._device_model.flag(SecurityCtrlr.AdditionalRootCertificateCheck),
        )
        if refusal is None:  # M05.FR.02
            _LOG.info("installed a %s", request.use)
            self._changed(f"{request.use} installed")
            return Answer(StatusResult(InstallStatus.ACCEPTED.value))
        _LOG.warning("refused a %s: %s", request.use, refusal.text)
        if refusal.failed:  # M05.FR.03
            return Answer(StatusResult(InstallStatus.FAILED.value, status_info(refusal)))
        if request.use is CertificateUse.CSMS_ROOT and refusal.reason_code not in _NOT_ITS_FAULT:
            self._security.raise_event("InvalidCsmsCertificate", refusal.text, critical=False)
        # M05.FR.06, M05.FR.07, M05.FR.11
        return Answer(StatusResult(InstallStatus.REJECTED.value, status_info(refusal)))

    async def delete(self, request: DeleteCertificate) -> Answer[StatusResult]:
        """Delete a certificate, unless it is the station's own or in use (M04)."""
        status = await self._certificates.delete(
            request.hash_data, anchor=self._outside.csms.trust_anchor, secured=self._secured
        )
        if status is DeleteStatus.ACCEPTED:  # M04.FR.02
            _LOG.info("deleted the certificate %s", request.hash_data.serial_number)
            self._changed(f"certificate {request.hash_data.serial_number} deleted")
        return Answer(StatusResult(status.value))

    def installed(
        self, request: GetInstalledCertificateIds
    ) -> Answer[tuple[CertificateHashDataChain, ...]]:
        """Return the hash data of what is installed (M03); nothing of it means NotFound."""
        return Answer(self._certificates.listed(request.uses))

    def _changed(self, what: str) -> None:
        count_entries(self._outside, self._device_model)
        self._security.raise_event("ReconfigurationOfSecurityParameters", what)
