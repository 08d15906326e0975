"""Interface org.everest.Ocpp.Iso15118Extensions: what cars say by ISO 15118."""

from ocppd.dbus.exported import Interface, exported
from ocppd.dbus.marshalling.certificates import read_certificate_request
from ocppd.dbus.signatures import Bool, Dict
from ocppd.errors import NotSupported
from ocppd.station.ev_certificates import EvCertificates


def _refuse() -> None:
    raise NotSupported("not in this release")


class Iso15118ExtensionsInterface(Interface):
    """org.everest.Ocpp.Iso15118Extensions of one EVSE."""

    NAME = "org.everest.Ocpp.Iso15118Extensions"

    def __init__(self, certificates: EvCertificates, evse_id: int) -> None:
        super().__init__()
        self._certificates = certificates
        self._evse_id = evse_id

    @exported(durable=False)
    def ReportIso15118CertificateRequest(self, request: Dict) -> None:
        """See dbus/org.everest.Ocpp.Iso15118Extensions.xml."""
        self._certificates.request(self._evse_id, read_certificate_request(request))

    @exported
    def ReportChargingNeeds(self, charging_needs: Dict) -> None:
        """See dbus/org.everest.Ocpp.Iso15118Extensions.xml."""
        _refuse()

    @exported
    def ReportEvInfo(self, ev_info: Dict) -> None:
        """See dbus/org.everest.Ocpp.Iso15118Extensions.xml."""
        _refuse()

    @exported
    def ReportServiceRenegotiationSupported(self, supported: Bool) -> None:
        """See dbus/org.everest.Ocpp.Iso15118Extensions.xml."""
        _refuse()
