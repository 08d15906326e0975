"""A simulated charger without a bus: time stands still until told, reports are collected."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from ocppd.model.tokens import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.tools.sim.arbiter import Outcome
from ocppd.tools.sim.charger import Charger
from ocppd.tools.sim.outbox import Member
from ocppd.tools.sim.settings import ChargerSettings
from ocppd.tools.sim.signing import Signer
from tests.fakes import FakeClock


def token(
    value: str = "04A224B2",
    *,
    evse_ids: tuple[int, ...] = (),
    by: AuthorizationType = AuthorizationType.RFID,
    group: str = "",
    prevalidated: bool | None = None,
) -> ProvidedIdToken:
    return ProvidedIdToken(
        IdToken(value, IdTokenType.ISO14443),
        by,
        parent_id_token=IdToken(group, IdTokenType.CENTRAL) if group else None,
        evse_ids=evse_ids,
        prevalidated=prevalidated,
    )


@dataclass
class Scene:
    """The charger, what it says, and an ocppd that knows some tokens (in upper case)."""

    settings: ChargerSettings = field(default_factory=ChargerSettings)
    groups: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, AuthorizationStatus] = field(default_factory=dict)
    evse_ids: dict[str, tuple[int, ...]] = field(default_factory=dict)
    answers: bool = True
    signer: Signer | None = None

    def __post_init__(self) -> None:
        ids = itertools.count(1)
        self.clock = FakeClock()
        self.asked: list[ProvidedIdToken] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.on_bus = True
        self.charger = Charger(
            self.settings, self, self.clock, lambda: f"uuid-{next(ids)}", lambda: 0.5, self.signer
        )

    def reported(self, evse_id: int) -> None:
        pass

    def validate(self, token: ProvidedIdToken) -> None:
        self.asked.append(token)
        if self.answers:
            self.answer(token)

    def answer(self, token: ProvidedIdToken) -> None:
        value = token.id_token.value.upper()
        group = self.groups.get(value)
        self.charger.validated(
            token,
            ValidationResult(
                self.statuses.get(value, AuthorizationStatus.ACCEPTED),
                parent_id_token=IdToken(group, IdTokenType.CENTRAL) if group else None,
                evse_ids=self.evse_ids.get(value, ()),
            ),
        )

    def happened(self, what: str, details: dict[str, Any]) -> None:
        self.told.append((what, details))

    def power_lost(self) -> None:
        self.on_bus = False

    def power_back(self) -> None:
        self.on_bus = True

    def swipe(self, value: str = "04A224B2", **how: Any) -> Outcome:
        self.charger.swipe(token(value, **how))
        return self.outcomes()[-1]

    def charge(self, evse_id: int, value: str = "04A224B2") -> None:
        """Plug in, swipe, and wait until it charges."""
        self.charger.plug_in(evse_id)
        self.swipe(value, evse_ids=(evse_id,))
        self.clock.advance(2)

    def outcomes(self) -> list[Outcome]:
        return [Outcome(details["outcome"]) for what, details in self.told if what == "Token"]

    def reports(self, evse_id: int, *members: Member) -> list[Any]:
        lane = self.charger.lanes[evse_id]
        return [report.argument for report in lane.waiting if report.member in members]

    def events(self, evse_id: int = 1) -> list[dict[str, Any]]:
        return self.reports(evse_id, Member.SESSION_EVENT)

    def names(self, evse_id: int = 1) -> list[str]:
        return [event["event"] for event in self.events(evse_id)]

    def event(self, name: str, evse_id: int = 1) -> dict[str, Any]:
        """Return the last event of a name."""
        return [event for event in self.events(evse_id) if event["event"] == name][-1]

    def acknowledge(self, evse_id: int, count: int | None = None) -> None:
        """Let ocppd take the oldest reports."""
        lane = self.charger.lanes[evse_id]
        for report in list(lane.waiting)[:count]:
            lane.done(report, acknowledged=True)
