"""The message journal: which messages are wanted, and how they are told."""

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.marshalling.schema import (
    Reader,
    boolean,
    dictionary,
    from_dict,
    integer,
    moment,
    optional,
    text,
    word,
)
from ocppd.model.messages import JournalMessage, MessageFilter

_MOST = 1000
_LONGEST = 100

_FILTER: Reader[MessageFilter] = dictionary(
    MessageFilter,
    optional("limit", integer(1, _MOST)),
    optional("direction", word("CSMSToChargingStation", "ChargingStationToCSMS")),
    optional("action", text(_LONGEST)),
    optional("message_id", text(_LONGEST)),
    optional("since", moment),
    optional("after", integer(0, (1 << 63) - 1)),
    optional("refused", boolean),
)


def read_filter(filter_: dict[str, Variant]) -> MessageFilter:
    """Read the argument of GetMessages; raises InvalidArgument."""
    return from_dict("filter", _FILTER, filter_)


def journal_message(message: JournalMessage) -> dict[str, Variant]:
    """Write one message of the journal."""
    told = variants(
        {
            "timestamp": message.timestamp,
            "direction": message.direction,
            "version": message.version,
            "message": message.text,
            "message_id": message.message_id,
            "action": message.action,
            "masked": message.masked or None,
            "reason": message.reason,
            "size": message.size,
            "lost": message.lost or None,
        }
    )
    return {"number": Variant("x", message.number), **told}
