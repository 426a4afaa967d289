"""The wire form of the topic of messages: the key of a message to send, and nothing else.

Values and addresses stay in the database, where sending looks them up.
"""

import msgspec

from quadrupel.bus.topics import MESSAGES
from quadrupel.core.errors import EventRefused, InputRefused
from quadrupel.core.events import check_user_id
from quadrupel.core.messages import MessageKey
from quadrupel.core.ports import Message, Outgoing


def outgoing(key: MessageKey) -> Outgoing:
    """Ask send to hand the message over."""
    return Outgoing(MESSAGES, key.user_id.encode(), msgspec.json.encode(key))


def read_message(message: Message) -> MessageKey:
    """Decode a message of the topic; raises InputRefused (`bad-message`)."""
    try:
        key = msgspec.json.decode(message.value, type=MessageKey)
        check_user_id(key.user_id)
    except (msgspec.MsgspecError, ValueError, EventRefused) as error:
        raise _refusal(message, str(error)) from error
    if not (key.origin and key.episode and key.channel):
        raise _refusal(message, "origin, episode or channel is empty")
    if "\0" in key.origin + key.episode + key.channel:
        raise _refusal(message, "a part of the key has a NUL")
    return key


def _refusal(message: Message, reason: str) -> InputRefused:
    return InputRefused("bad-message", f"not a message of {message.topic}: {reason}")
