"""The relay of contract certificates: what the agent is told, whatever the CSMS does."""

from typing import Any

import pytest

from ocppd.errors import NoAnswer
from ocppd.model.certificates import CertificateAction, EvCertificateResponse, GetEvCertificate
from ocppd.station.ev_certificates import EvCertificates
from tests.fakes import World
from tests.station.models import shipped_device_model

REQUEST = GetEvCertificate("urn:x", CertificateAction.INSTALL, "AbCd")


@pytest.mark.requirement("M01.FR.01")
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (EvCertificateResponse(True, "EfGh"), EvCertificateResponse(True, "EfGh")),
        (EvCertificateResponse(False, "no"), EvCertificateResponse(False, "no")),
        (NoAnswer("late"), EvCertificateResponse(False, "")),
    ],
)
@pytest.mark.parametrize("agent", [True, False])
async def test_the_agent_is_told_what_came_of_it(
    reply: Any, told: EvCertificateResponse, agent: bool
) -> None:
    world = World()
    if agent:
        world.agents.interfaces.add("Iso15118Extensions")

    def answer(_request: GetEvCertificate) -> EvCertificateResponse:
        if isinstance(reply, Exception):
            raise reply
        return reply  # type: ignore[no-any-return]

    world.csms.replies[GetEvCertificate] = answer
    relay = EvCertificates(world.outside, shipped_device_model(world.store))
    for _ in range(2):
        relay.request(2, REQUEST)
        await world.tasks.settle()
    wanted = [(2, CertificateAction.INSTALL, told)] * 2
    assert world.agents.of("set_get_certificate_response") == (wanted if agent else [])
