"""Paths as the log may tell them: a link that refuses e-mails is as good as its citizen's word."""

from quadrupel.channels.unsubscribing import PATH


def told(path: str) -> str:
    """The path without the token of such a link; user ids stay."""
    before, found, token = path.partition(PATH)
    return f"{before}{PATH}..." if token else before + found
