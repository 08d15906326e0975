"""A small CSMS for demonstrations and tests, which can also misbehave on request."""

from ocppd.tools.csms.ledger import SeenTransaction
from ocppd.tools.csms.messages import Direction, Message
from ocppd.tools.csms.rules import Rule
from ocppd.tools.csms.server import Csms
from ocppd.tools.csms.station import CallFailed, Disconnected, Refusal, Station
from ocppd.tools.frames import Kind

__all__ = [
    "CallFailed",
    "Csms",
    "Direction",
    "Disconnected",
    "Kind",
    "Message",
    "Refusal",
    "Rule",
    "SeenTransaction",
    "Station",
]
