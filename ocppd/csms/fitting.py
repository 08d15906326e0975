"""What a version says of an entry of the durable queue, in messages that are not too large.

A transaction that lasts long has more readings for its end than the largest message holds
(InternalCtrlr.MaxMessageSize). Then every second reading in between goes, until the rest fits
(J02.FR.20; E06.FR.13): never the first and the last, nor what a bill rests on. That is done when
the message is sent and not when it is queued: the version, and with it the length, is only known
then, and the limit may have changed since. What is in the queue stays whole.
"""

import logging
from dataclasses import replace

from ocppd.csms.spelling import Message, Spelling
from ocppd.errors import NotSpoken
from ocppd.model.queue import QueueEntry, TransactionFacts
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import MeterValues, TransactionEvent
from ocppd.ocppj.frames import Call, text_of
from ocppd.station.measurements import thinned

_LOG = logging.getLogger(__name__)


def messages_of(
    spelling: Spelling, entry: QueueEntry, facts: TransactionFacts, max_size: int
) -> list[Message]:
    """Return what a version says of an entry, each message of at most `max_size` bytes if it can.

    Nothing where the version has no word for what has passed. Raises NotSpoken for what has to be
    told in another.
    """
    messages = _messages(spelling, entry, facts)
    request = entry.request
    if not isinstance(request, TransactionEvent | MeterValues) or len(request.meter_values) < 3:
        return messages
    values = list(request.meter_values)
    while _largest(messages, entry) > max_size:
        fewer = thinned(values, lambda value: value)
        if len(fewer) == len(values):
            _LOG.warning("queued message %d cannot be made to fit %d bytes", entry.id, max_size)
            break
        values = fewer
        shortened = replace(entry, request=replace(request, meter_values=tuple(values)))
        messages = _messages(spelling, shortened, facts)
    left_out = len(request.meter_values) - len(values)
    if left_out:
        _LOG.info(
            "queued message %d: %d of %d readings left out, so that it fits %d bytes",
            entry.id,
            left_out,
            len(request.meter_values),
            max_size,
        )
    return messages


def _largest(messages: list[Message], entry: QueueEntry) -> int:
    """Return the bytes of the largest message; the text has nothing but ASCII."""
    return max(
        (
            len(text_of(Call(entry.message_id, message.action, message.payload)))
            for message in messages
        ),
        default=0,
    )


def _messages(spelling: Spelling, entry: QueueEntry, facts: TransactionFacts) -> list[Message]:
    request = entry.request
    if isinstance(request, TransactionEvent | MeterValues | SecurityEventNotification):
        return spelling.encode_entry(entry, facts)
    outgoing = spelling.requests.get(type(request))
    if outgoing is None:
        return []
    try:
        return [Message(outgoing.action, outgoing.encode(request), outgoing.decode)]
    except NotSpoken:
        return []
