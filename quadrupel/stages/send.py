"""Send: hands recorded messages to their channels, each once, and records what came of it.

A message is claimed in one transaction, committed before it is handed over, and settled in
another. Between the two lies the one window that cannot be closed: a message whose worker
disappeared in it becomes `unknown` when its claim lapses, and an operator decides. That is why
few messages are claimed at a time. A redelivered message that is claimed, or settled, is left
alone.

What a channel refuses for now comes again by its time, from the table, not from the bus. So does
what cannot be sent here: this worker may lack the channel or the template, or have an older or a
newer one than the rule that the message is of. A channel that is away is waited for without using
up the attempts of its messages, and holds up neither the topic nor the other channels.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from quadrupel.bus import message_codec
from quadrupel.core.channels import (
    LONGEST_DELIVERY,
    Channel,
    Envelope,
    Outcome,
    RefusedForGood,
    RefusedForNow,
    Settlement,
    Uncertain,
    kept,
    settle,
)
from quadrupel.core.contacts import EMAIL, Contact, Suppression, address_hash, obstacle
from quadrupel.core.errors import ChannelUnavailable, InputRefused, Unavailable
from quadrupel.core.messages import MessageKey, MessageState
from quadrupel.core.outages import Outages
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.refusals import is_refused, kind_of
from quadrupel.stages.aside import put_aside
from quadrupel.store import contacts, messages, refusals
from quadrupel.store.database import transaction
from quadrupel.store.messages import Claim, Settled
from quadrupel.telemetry import CHANNEL_FAILURES, MESSAGES_LAPSED, MESSAGES_SETTLED

NAME = "send"
CHUNK = 200
"""Messages claimed at a time: as many at most are unknown after a crash."""
CLAIM = timedelta(minutes=5)
"""Longer than HAND_OVER and LONGEST_DELIVERY together."""
HAND_OVER = timedelta(seconds=10)
"""How long deliveries are begun in one go; what is left then waits in the table."""
LOOK_EVERY = timedelta(seconds=1)
BUSY = "the channel is busy or away"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Messages to hand over, and what is known of where they go, by user.

    `refused` has the kinds of e-mail that users refused.
    """

    claims: Sequence[Claim]
    contacts: Mapping[str, Contact]
    suppressions: Mapping[tuple[str, str], Suppression]
    refused: Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class _NotTaken:
    """A message that was certainly not handed over; `tried`: though its turn had come."""

    claim: Claim
    reason: str
    tried: bool


class Send:
    """Hands messages over through the given channels. Used by one thread; close it at the end.

    `must_send` tells the origins whose messages nobody can refuse. What a channel has not said
    within `longest_delivery` stays unknown.
    """

    def __init__(
        self,
        engine: sa.Engine,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        must_send: Callable[[], Collection[str]] = frozenset,
        longest_delivery: timedelta = LONGEST_DELIVERY,
    ) -> None:
        self._engine = engine
        self._must_send = must_send
        self._channels = channels
        self._clock = clock
        self._longest_delivery = longest_delivery.total_seconds()
        self._outages = Outages()
        self._slots = {name: asyncio.Semaphore(each.concurrency) for name, each in channels.items()}
        self._runner = asyncio.Runner()
        self._unrecorded: list[Settled] = []
        self._suppressed: list[Suppression] = []
        self._next_look = clock()

    def process(self, batch: Sequence[Message]) -> list[Outgoing]:
        """Hand over the pending messages of the batch; returns dead letters.

        Blocks for HAND_OVER and LONGEST_DELIVERY at most. Raises DatabaseUnavailable; what was
        handed over by then is recorded by the next call.
        """
        keys, dead = _decode(batch)
        until = self._clock() + HAND_OVER
        for chunk in _chunks(keys):
            self._record()
            self._hand_over(self._claim(chunk, until), until)
        return dead

    def idle(self) -> None:
        """Hand over what is due again, and find what a worker left behind; once a second."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        self._record()
        self._look_for_lapsed(now)
        with transaction(self._engine) as connection:
            busy = messages.channels_to_retry(connection)
        while busy and self._clock() < now + HAND_OVER:
            busy = [name for name in busy if self._hand_over_due(name, now + HAND_OVER)]

    def close(self) -> None:
        """Record what can be recorded, and close the channels."""
        with suppress(Unavailable):
            self._record()
        for channel in self._channels.values():
            self._runner.run(channel.close())
        self._runner.close()

    def _claim(self, keys: Sequence[MessageKey], until: datetime) -> _Claimed:
        """Claim what can be handed over now; what cannot is left to `idle`."""
        now = self._clock()
        open_keys: list[MessageKey] = []
        with transaction(self._engine) as connection:
            for channel, group in _by_channel(keys):
                if now < until and self._outages.allowance(channel, now, CHUNK) == CHUNK:
                    open_keys += group
                else:
                    later = self._outages.back_at(channel, now)
                    messages.park(connection, group, BUSY, later, now)
            claims = messages.claim(connection, open_keys, now, now + CLAIM)
            return _with_contacts(connection, claims)

    def _hand_over_due(self, channel: str, until: datetime) -> bool:
        """Hand over one chunk of the messages that are due again; whether more may be."""
        now = self._clock()
        allowance = self._outages.allowance(channel, now, CHUNK)
        if not allowance:
            return False
        with transaction(self._engine) as connection:
            claims = messages.claim_due(connection, channel, allowance, now, now + CLAIM)
            claimed = _with_contacts(connection, claims)
        self._hand_over(claimed, until)
        return len(claims) == allowance

    def _look_for_lapsed(self, now: datetime) -> None:
        with transaction(self._engine) as connection:
            lapsed = messages.lapse(connection, now)
        MESSAGES_LAPSED.inc(len(lapsed))
        for key in lapsed:
            log.error(
                "message unknown, its worker disappeared while sending it: an operator decides",
                user=key.user_id,
                origin=key.origin,
                episode=key.episode,
                channel=key.channel,
            )

    def _hand_over(self, claimed: _Claimed, until: datetime) -> None:
        if claimed.claims:
            self._runner.run(self._deliver_all(claimed, until))
            self._record()

    async def _deliver_all(self, claimed: _Claimed, until: datetime) -> None:
        deliveries = []
        must_send = self._must_send()
        for claim in claimed.claims:
            key = claim.message.key
            contact = claimed.contacts.get(key.user_id)
            suppression = claimed.suppressions.get((key.user_id, key.channel))
            kind = None if key.origin in must_send else kind_of(key.origin)
            refused = kind and is_refused(kind, claimed.refused.get(key.user_id, ()))
            reason = obstacle(key.channel, contact, suppression, refused=bool(refused))
            if reason is None:
                deliveries.append(self._deliver(claim, contact, kind, until))
            else:
                self._settle(claim, Settlement(MessageState.SUPPRESSED, reason))
        self._put_back(each for each in await asyncio.gather(*deliveries) if each is not None)

    async def _deliver(
        self, claim: Claim, contact: Contact | None, kind: str | None, until: datetime
    ) -> _NotTaken | None:
        name = claim.message.key.channel
        channel = self._channels.get(name)
        if channel is None:
            return _NotTaken(claim, f"there is no channel {name} here", tried=True)
        async with self._slots[name]:
            now = self._clock()
            if now >= until or self._outages.is_out(name, now):
                return _NotTaken(claim, BUSY, tried=False)
            envelope = Envelope(claim.message, contact, claim.recorded_at, now, kind)
            try:
                async with asyncio.timeout(self._longest_delivery):
                    outcome = await channel.deliver(envelope)
            except ChannelUnavailable as error:
                reason = kept(str(error))
                self._failed(name, reason)
                return _NotTaken(claim, reason, tried=True)
            except InputRefused as error:
                return _NotTaken(claim, kept(str(error)), tried=True)
            except TimeoutError:
                reason = f"the channel did not answer within {self._longest_delivery:g} s"
                self._failed(name, reason)
                self._came_out(claim, contact, Uncertain(reason))
                return None
            except Exception as error:
                log.exception("channel erred", channel=name, user=claim.message.key.user_id)
                outcome = Uncertain(f"the channel erred: {type(error).__name__}")
        self._outages.answered(name)
        self._came_out(claim, contact, outcome)
        return None

    def _came_out(self, claim: Claim, contact: Contact | None, outcome: Outcome) -> None:
        now = self._clock()
        self._settle(claim, settle(outcome, claim.attempts, now))
        if isinstance(outcome, RefusedForGood) and outcome.about_address and contact is not None:
            self._suppressed.append(
                Suppression(
                    contact.user_id,
                    claim.message.key.channel,
                    address_hash(contact.email or ""),
                    kept(outcome.reason),
                )
            )

    def _put_back(self, not_taken: Iterable[_NotTaken]) -> None:
        """Let messages wait. An attempt counts unless the channel is away for all of them."""
        now = self._clock()
        for each in not_taken:
            channel = each.claim.message.key.channel
            if each.tried and not self._outages.is_out(channel, now):
                refused = RefusedForNow(each.reason)
                self._settle(each.claim, settle(refused, each.claim.attempts, now))
            else:
                later = self._outages.back_at(channel, now)
                settlement = Settlement(MessageState.RETRY, each.reason, later)
                self._settle(each.claim, settlement, counts=False)

    def _failed(self, channel: str, reason: str) -> None:
        CHANNEL_FAILURES.labels(channel).inc()
        now = self._clock()
        if self._outages.failed(channel, now):
            seconds = (self._outages.back_at(channel, now) - now).total_seconds()
            log.warning(
                "channel away, its messages wait", channel=channel, reason=reason, seconds=seconds
            )

    def _settle(self, claim: Claim, settlement: Settlement, *, counts: bool = True) -> None:
        self._unrecorded.append(Settled(claim, settlement, counts))

    def _record(self) -> None:
        """Write what became of the messages handed over, in one transaction."""
        if not self._unrecorded:
            return
        now = self._clock()
        with transaction(self._engine) as connection:
            written = messages.settle(connection, self._unrecorded, now)
            contacts.suppress(connection, self._suppressed, now)
        if written < len(self._unrecorded):
            log.warning("claims lost meanwhile", count=len(self._unrecorded) - written)
        for each in self._unrecorded:
            state = each.settlement.state.value
            MESSAGES_SETTLED.labels(each.claim.message.key.channel, state).inc()
        self._unrecorded.clear()
        self._suppressed.clear()


def _decode(batch: Sequence[Message]) -> tuple[list[MessageKey], list[Outgoing]]:
    keys: list[MessageKey] = []
    dead: list[Outgoing] = []
    for message in batch:
        try:
            keys.append(message_codec.read_message(message))
        except InputRefused as error:
            dead.append(put_aside(NAME, message, error))
    return keys, dead


def _chunks(keys: Sequence[MessageKey]) -> Iterator[Sequence[MessageKey]]:
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


def _by_channel(keys: Iterable[MessageKey]) -> list[tuple[str, list[MessageKey]]]:
    groups: dict[str, list[MessageKey]] = {}
    for key in keys:
        groups.setdefault(key.channel, []).append(key)
    return sorted(groups.items())


def _with_contacts(connection: sa.Connection, claims: Sequence[Claim]) -> _Claimed:
    users = sorted({claim.message.key.user_id for claim in claims})
    if not users:
        return _Claimed((), {}, {}, {})
    suppressions = contacts.suppressed(connection, users)
    return _Claimed(
        claims,
        contacts.find(connection, users),
        {(each.user_id, each.channel): each for each in suppressions},
        refusals.kinds(refusals.find(connection, users), EMAIL),
    )
