"""Contract certificates for cars, between bus and CSMS."""

import asyncio
from typing import Any

import pytest

from ocppd.dbus.binding import DBusError, Variant
from ocppd.device_model.names import ISO15118Ctrlr
from ocppd.errors import NoAnswer
from ocppd.model.certificates import CertificateAction, EvCertificateResponse, GetEvCertificate
from tests.dbus.rig import served

INTERFACE = "org.everest.Ocpp.Iso15118Extensions"
EVSE = "/org/everest/Ocpp/Evse/1"
AGENT = "org.everest.Ocpp.Agent.Iso15118Extensions"


def asked(**changes: str) -> dict[str, Variant]:
    keys = {
        "exi_request": "AbCd",
        "iso15118_schema_version": "urn:x",
        "certificate_action": "Install",
    }
    return {key: Variant("s", value) for key, value in (keys | changes).items()}


async def report(here: Any, request: dict[str, Variant]) -> None:
    member = "ReportIso15118CertificateRequest"
    await here.client.call(member, "a{sv}", request, interface=INTERFACE, path=EVSE)


@pytest.mark.requirement("M01.FR.01", "M02.FR.01")
async def test_a_request_of_a_car_goes_to_the_csms() -> None:
    async with served() as here:
        here.world.csms.connected = True
        answered = asyncio.Event()

        def answer(_request: GetEvCertificate) -> EvCertificateResponse:
            answered.set()
            return EvCertificateResponse(accepted=True, exi_response="EfGh")

        here.world.csms.replies[GetEvCertificate] = answer
        await report(here, asked(certificate_action="Update"))
        await asyncio.wait_for(answered.wait(), 5)
        assert here.world.csms.of(GetEvCertificate) == [
            GetEvCertificate("urn:x", CertificateAction.UPDATE, "AbCd")
        ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"exi_request": "A" * 5601}, "exi_request"),
        ({"iso15118_schema_version": "v" * 51}, "iso15118_schema_version"),
        ({"certificate_action": "Remove"}, "certificate_action"),
        ({"more": "x"}, "more"),
    ],
)
async def test_bad_requests_are_refused_by_their_path(changes: dict[str, str], text: str) -> None:
    async with served() as here:
        with pytest.raises(DBusError, match=text) as error:
            await report(here, asked(**changes))
        assert error.value.type == "org.everest.Ocpp.Error.InvalidArgument"


async def test_one_request_at_a_time_for_each_evse() -> None:
    async with served() as here:
        here.world.csms.connected = True
        here.world.csms.replies[GetEvCertificate] = lambda _: EvCertificateResponse(
            accepted=True, exi_response="x"
        )
        station = here.world
        blocked = asyncio.Event()

        async def call(request: Any, *, triggered: bool = False) -> Any:
            await blocked.wait()
            raise NoAnswer("late")

        station.csms.call = call  # type: ignore[method-assign]
        await report(here, asked())
        with pytest.raises(DBusError) as error:
            await report(here, asked())
        assert error.value.type == "org.everest.Ocpp.Error.NotReady"
        blocked.set()
        await station.tasks.settle()
        await report(here, asked())


async def test_it_can_be_switched_off() -> None:
    values = {ISO15118Ctrlr.ContractCertificateInstallationEnabled: False}
    async with served(values=values) as here:
        with pytest.raises(DBusError) as error:
            await report(here, asked())
        assert error.value.type == "org.everest.Ocpp.Error.NotReady"
