"""Messages of the queue that are larger than MaxMessageSize lose readings, but none that counts."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest

from ocppd.csms.fitting import messages_of
from ocppd.csms.spelling import durable_messages
from ocppd.csms.v16 import meter_values as meter_values_16
from ocppd.csms.v16 import transactions as transactions_16
from ocppd.csms.v21 import meter_values as meter_values_21
from ocppd.csms.v21 import transactions as transactions_21
from ocppd.csms.v201 import meter_values as meter_values_201
from ocppd.csms.v201 import transactions as transactions_201
from ocppd.csms.versions import SUBPROTOCOLS
from ocppd.device_model.names import InternalCtrlr
from ocppd.model.queue import QueueEntry, TransactionFacts
from ocppd.model.sessions import SignedMeterValue, StopReason
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.model.transactions import (
    MeterValue,
    ReadingContext,
    SampledValue,
    StoppedReason,
)
from ocppd.ocppj.frames import Call, text_of
from ocppd.station.evse import Evses
from tests.csms.queued import TYPES, WHEN, event, url, wait_for
from tests.csms.server import csms, spellings, station, variables

STATION = SimpleNamespace(evses=Evses([["cType2"]]))
BLOCKS = {
    "1.6": (transactions_16, meter_values_16),
    "2.0.1": (transactions_201, meter_values_201),
    "2.1": (transactions_21, meter_values_21),
}
C = ReadingContext


def encode_entry(version):
    transactions, meter_values = BLOCKS[version]
    return durable_messages(
        STATION,
        transactions.transaction_messages,
        meter_values.meter_values_messages,
        lambda _station, _event: [],
    )


def spelled(version):
    return spellings(encode_entry(version))[SUBPROTOCOLS[version]]


def reading(number, context=C.SAMPLE_PERIODIC, signed=None):
    """Energy, power and three currents; the energy is the reading's number."""
    values = [SampledValue(float(number), "Energy.Active.Import.Register", "Wh", context)]
    if signed is not None:
        values[0] = replace(values[0], signed=signed)
    values.append(SampledValue(11_000.0, "Power.Active.Import", "W", context))
    values += [
        SampledValue(16.0, "Current.Import", "A", context, phase) for phase in ("L1", "L2", "L3")
    ]
    return MeterValue(WHEN + timedelta(seconds=number), tuple(values))


def ended(values):
    return replace(
        event("a", 7, TYPES.ENDED),
        stopped_reason=StoppedReason.LOCAL,
        host_stop_reason=StopReason.LOCAL,
        starting_token=IdToken("04A224B2", IdTokenType.ISO14443),
        meter_wh=5000,
        meter_values=tuple(values),
    )


def a_day():
    """Readings of every minute, with begin and end."""
    return [
        reading(0, C.TRANSACTION_BEGIN),
        *[reading(number) for number in range(1, 1440)],
        reading(1440, C.TRANSACTION_END),
    ]


def told(messages):
    """The numbers of the readings that a message tells."""
    [message] = messages
    values = message.payload.get("transactionData") or message.payload["meterValue"]
    return [int(float(value["sampledValue"][0]["value"])) for value in values]


def size(message):
    return len(text_of(Call("x" * 36, message.action, message.payload)))


def fitted(version, request, max_size):
    entry = QueueEntry(1, "x" * 36, request, WHEN)
    return messages_of(spelled(version), entry, TransactionFacts("2.x", "7"), max_size)


@pytest.mark.requirement("J02.FR.20", "E06.FR.13", "E15.FR.03")
@pytest.mark.parametrize("version", BLOCKS)
@pytest.mark.parametrize("max_size", [32_000, 65_000, 100_000])
def test_the_end_of_a_long_transaction_loses_every_second_reading_until_it_fits(version, max_size):
    messages = fitted(version, ended(a_day()), max_size)
    assert max_size / 3 < size(messages[0]) <= max_size, "no more goes than has to"
    numbers = told(messages)
    assert (numbers[0], numbers[-1]) == (0, 1440)
    steps = Counter(later - earlier for earlier, later in pairwise(numbers))
    [(usual, count), *_] = steps.most_common()
    assert count >= len(numbers) - 2, "evenly, over the whole time"
    assert max(steps) <= 2 * usual
    assert len(numbers) > 20


@pytest.mark.parametrize("version", BLOCKS)
def test_what_fits_is_whole(version):
    values = [reading(number) for number in range(40)]
    assert told(fitted(version, ended(values), 65_000)) == list(range(40))


@pytest.mark.requirement("J02.FR.20")
@pytest.mark.parametrize("version", BLOCKS)
def test_what_a_bill_rests_on_stays_wherever_it_is(version):
    """The charging ended long before the car left, and what was signed then is told."""
    signed = SignedMeterValue("T" * 2000, "ECDSA", "OCMF", "K" * 100)
    values = a_day()
    values[700] = reading(700, C.TRANSACTION_END, signed)
    messages = fitted(version, ended(values), 32_000)
    assert {0, 700, 1440} <= set(told(messages))
    assert "T" * 2000 in json.dumps(messages[0].payload)


@pytest.mark.parametrize("version", BLOCKS)
def test_an_update_is_shortened_likewise(version):
    update = replace(
        event("a", 3),
        starting_token=IdToken("04A224B2", IdTokenType.ISO14443),
        meter_values=tuple(reading(number) for number in range(300)),
    )
    messages = fitted(version, update, 32_000)
    assert size(messages[0]) <= 32_000
    assert (told(messages)[0], told(messages)[-1]) == (0, 299)


def test_what_cannot_be_made_to_fit_is_told_all_the_same(caplog):
    large = SignedMeterValue("T" * 30_000, "ECDSA", "OCMF", "")
    values = [
        reading(0, C.TRANSACTION_BEGIN, large),
        *[reading(number) for number in range(1, 50)],
        reading(50, C.TRANSACTION_END, large),
    ]
    messages = fitted("2.1", ended(values), 32_000)
    assert told(messages) == [0, 50]
    assert "cannot be made to fit" in caplog.text


@pytest.mark.parametrize("version", BLOCKS)
async def test_the_limit_that_counts_is_that_of_the_moment_of_sending(version, tmp_path):
    """Queued while more was allowed, sent, again and again the same, when less is."""
    received = []

    async def refusing_once(there):
        while True:
            text = await there.socket.recv()
            received.append(text)
            frame = json.loads(text)
            if len(received) == 1:
                await there.say(4, frame[1], "InternalError", "no", {})
            else:
                await there.say(3, frame[1], {})

    async with csms([SUBPROTOCOLS[version]]) as server:
        server.handler = refusing_once
        values = variables(url(server)) | {InternalCtrlr.MaxMessageSize: 500_000}
        async with station(
            tmp_path, values, encode_entry=encode_entry(version), start=False
        ) as client:
            client.store.queue(ended(a_day()))
            await client.store.durable()
            client.model.set_actual(InternalCtrlr.MaxMessageSize, 40_000)
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
    assert len(received) == 2
    assert received[0] == received[1], "same id, same payload"
    assert 10_000 < len(received[0]) <= 40_000
