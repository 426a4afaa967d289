"""Builds and runs send, with every channel of messages."""

import contextlib
import threading

from quadrupel.bootstrap import load_templates, now
from quadrupel.bootstrap_stages import running
from quadrupel.bus import topics
from quadrupel.channels import smtp, unsubscribing, webhook
from quadrupel.channels.email import EmailChannel
from quadrupel.channels.unsubscribing import UnsubscribeTokens
from quadrupel.config import Settings, rules_folder
from quadrupel.core.channels import Channel
from quadrupel.core.contacts import EMAIL
from quadrupel.rules.live import Live, following
from quadrupel.rules.offered import must_send
from quadrupel.stages.send import Send


def run(settings: Settings, stop: threading.Event) -> None:
    """Run send until `stop` is set."""
    channels = open_channels(settings)
    with running.open_parts(settings, stop) as parts:
        origins = following(parts.live.look, must_send)
        work = Send(parts.engine, channels, now, lambda: origins(()))
        with contextlib.closing(work):
            running.run_plain(parts, topics.SEND, work.process, stop, work.idle)


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Every channel by its name; none is connected yet. SettingRefused names a wrong setting."""
    server = smtp.read_smtp_url(settings.smtp_url)
    folder, link_of = rules_folder(settings) / "templates", None
    templates = Live(
        "templates",
        lambda: folder.rglob("*"),
        lambda: load_templates(settings),
        lambda read: {"templates": len(read.names)},
    )
    if settings.unsubscribe_url is not None:
        tokens = UnsubscribeTokens(settings.unsubscribe_keys)
        link_of = unsubscribing.links(settings.unsubscribe_url, tokens)
    channels: dict[str, Channel] = {
        EMAIL: EmailChannel(server, settings.mail_from, templates.look, link_of=link_of)
    }
    for name, endpoint in settings.webhooks.items():
        keys = webhook.read_secrets(name, endpoint.secret.get_secret_value())
        channels[f"webhook:{name}"] = webhook.WebhookChannel(
            webhook.Endpoint(name, endpoint.url, keys)
        )
    return channels
