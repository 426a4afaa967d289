"""The columns of a page of users, beside those of the rules: what is published of each user."""

USER_ID = "user_id"
USER_HASH = "user hash"
"""A 64-bit hash of the user id."""
VERSION = "version"
PUBLISHED_VERSION = "published version"
"""The version of the profile that what is published followed from; null: nothing was published."""
DUE_ON = "due on"
HELD_MORE = "held more"
"""Whether a rule holds as published that has no bit in the words of the page."""
SHOWN = "shown"
"""Whether there is a banner in the set that is published."""


def word_name(word: int) -> str:
    """The column of a word of bits of the rules that hold as published."""
    return f"held {word}"


def text_name(attribute: str) -> str:
    """The column that has the exact text of a decimal, which frames otherwise have as a float."""
    return f"text of {attribute}"
