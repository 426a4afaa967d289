"""The form of the column `published.banners`: `[[rule, {attribute: text}, episode, clients], ...]`.

What a banner has by default is left out at its end. So older rows, of two elements, are read too.
"""

from collections.abc import Sequence

import msgspec

from quadrupel.core.banners import Banner

_decoder = msgspec.json.Decoder(tuple[Banner, ...])
_encoder = msgspec.json.Encoder()


def write_banners(banners: Sequence[Banner]) -> str:
    """The text of the column."""
    return _encoder.encode([_short(each) for each in banners]).decode()


def read_banners(text: str) -> tuple[Banner, ...]:
    """The banners that the text holds."""
    return _decoder.decode(text)


def _short(banner: Banner) -> Sequence[object]:
    if banner.clients:
        return banner
    return banner[:3] if banner.episode else banner[:2]
