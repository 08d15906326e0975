"""Contract certificates for cars (M01, M02): an opaque relay between the host and the CSMS.

What the car asks for and what it is given is EXI that only the car and a secondary actor read. The
answer goes to the host's agent; without one in time it is Failed.
"""

import logging

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import ISO15118Ctrlr
from ocppd.errors import AgentRefused, CsmsError, NotReady
from ocppd.model.certificates import EvCertificateResponse, GetEvCertificate
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

_FAILED = EvCertificateResponse(accepted=False, exi_response="")


class EvCertificates:
    """Passes requests for contract certificates on, one at a time for each EVSE."""

    def __init__(self, outside: Outside, device_model: DeviceModel) -> None:
        self._outside = outside
        self._device_model = device_model
        self._open: set[int] = set()

    def request(self, evse_id: int, request: GetEvCertificate) -> None:
        """Ask the CSMS for what a car wants; the agent is told what came of it.

        Raises:
            NotReady: such requests are switched off, or one of the EVSE is still open

        """
        if not self._device_model.flag(ISO15118Ctrlr.ContractCertificateInstallationEnabled):
            raise NotReady("ISO15118Ctrlr.ContractCertificateInstallationEnabled is false")
        if evse_id in self._open:
            raise NotReady(f"a certificate is being asked for at EVSE {evse_id} already")
        self._open.add(evse_id)
        self._outside.tasks.start(self._relay(evse_id, request), "certificate for a car")

    async def _relay(self, evse_id: int, request: GetEvCertificate) -> None:
        try:
            response = await self._outside.csms.call(request)
        except CsmsError as error:  # M01, error handling
            _LOG.warning("no certificate for the car at EVSE %d: %s", evse_id, error)
            response = _FAILED
        finally:
            self._open.discard(evse_id)
        try:
            await self._outside.agents.set_get_certificate_response(
                evse_id, request.action, response
            )
        except AgentRefused as error:
            _LOG.warning("the answer for the car at EVSE %d was not taken: %s", evse_id, error)
