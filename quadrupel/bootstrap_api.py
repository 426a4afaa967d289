"""Builds and connects the REST service, of which the stages in `bootstrap` know nothing."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI

from quadrupel import bootstrap, telemetry
from quadrupel.api.app import create_app
from quadrupel.api.banner_texts import banner_texts
from quadrupel.api.contacts import WRITES_AT_ONCE as SAVES_AT_ONCE
from quadrupel.api.explain import LOOKS_AT_ONCE, explained
from quadrupel.api.token_keys import TokenKeys, key_source
from quadrupel.api.unsubscribe import READS_AT_ONCE, WRITES_AT_ONCE, Unsubscribing
from quadrupel.bus import topics
from quadrupel.channels.unsubscribing import UnsubscribeTokens
from quadrupel.config import Settings, read_settings, rules_folder
from quadrupel.core.contacts import EMAIL, Contact
from quadrupel.core.errors import Unavailable
from quadrupel.core.looks import Look
from quadrupel.core.profiles import Feeds
from quadrupel.core.rates import Rate, rate
from quadrupel.core.refusals import Wishes
from quadrupel.rules.live import LOOK_SECONDS, LiveRules, following
from quadrupel.store import contacts, database, looks, refusals
from quadrupel.store.banner_news import BannerNews
from quadrupel.store.database import STAGE, Limits
from quadrupel.store.read_order import Source
from quadrupel.store.read_pool import new_pool
from quadrupel.store.read_servers import ReadServers, first_answer

CALL = Limits(statement=4, lock=3)
"""For what a request waits for, `threads.SECONDS` at most."""

BUS_SECONDS = 3.0
"""How long it waits for the bus when it starts, once for all workers and once in each."""


def verify_tables(settings: Settings) -> None:
    """Raise SettingRefused if the tables are older than this version needs.

    Nothing is said while the database is away: the API starts without it.
    """
    with contextlib.suppress(Unavailable), bootstrap.open_engine(settings, CALL) as engine:
        bootstrap.verify_tables(engine)


def api(on_stop: Callable[[Callable[[], None]], None] = lambda _: None) -> FastAPI:
    """The REST service, with the settings of the environment; what an ASGI server is given.

    `on_stop` as in `create_app`.
    """
    settings = read_settings()
    telemetry.configure_logs(settings.log_format, settings.log_level)
    live = LiveRules(rules_folder(settings), lambda: bootstrap.load_rules(settings))
    threading.Thread(target=_keep_looking, args=(live,), daemon=True).start()
    texts = following(lambda _: live.current, banner_texts)
    feeds = following(lambda _: live.current, lambda rules: Feeds(rules.schema))
    bus = bootstrap.open_bus(settings)
    with contextlib.suppress(Unavailable):  # reads go on without the bus
        bootstrap.open_bus(settings, BUS_SECONDS).admin().verify(topics.topics(settings.partitions))
    database_url = settings.database
    replica_url = settings.replica_url
    reads = ReadServers(
        new_pool(database_url),
        new_pool(replica_url) if replica_url else None,
        settings.replica_max_lag,
    )
    # What waits for a connection of one duty must not wait for those of another.
    explaining = _engines(settings, LOOKS_AT_ONCE)
    saving = database.open_engine(database_url, pool_size=SAVES_AT_ONCE, limits=CALL)
    recording = database.open_engine(database_url, pool_size=1, limits=STAGE)

    def save_contact(contact: Contact, until: float) -> None:
        with database.transaction(saving, until) as connection:
            contacts.save(connection, [contact], bootstrap.now())

    def save_looks(made: Sequence[Look]) -> None:
        with database.transaction(recording) as connection:
            looks.save(connection, made)

    def explain_user(user_id: str, rule: str | None, as_of: date | None) -> Mapping[str, Any]:
        def look(connection: sa.Connection) -> Mapping[str, Any]:
            day = as_of or bootstrap.today_of(settings, connection, user_id)
            return explained(connection, live.current, user_id, rule, day, settings.zone)

        return first_answer(reads.order(), explaining, look)

    return create_app(
        reads=reads,
        news=BannerNews(database_url),
        open_producer=bus.producer,
        token_keys=TokenKeys(key_source(settings.required("jwt_keys"))),
        issuer=settings.required("jwt_issuer"),
        audience=settings.jwt_audience,
        texts=lambda: texts(()),
        feeds=lambda: feeds(()),
        save_contact=save_contact,
        save_looks=save_looks,
        explain_user=explain_user,
        unsubscribing=_unsubscribing(settings, reads),
        languages=settings.languages,
        zone=settings.zone,
        now=bootstrap.now,
        on_stop=on_stop,
        origins=settings.origins,
        user_rate=_rate(settings.api_user_rate, 60, settings.api_user_burst),
        key_rate=_rate(settings.api_key_rate, 1, settings.api_key_burst),
    )


def _unsubscribing(settings: Settings, reads: ReadServers) -> Unsubscribing:
    finding = _engines(settings, READS_AT_ONCE)
    changing = database.open_engine(settings.database, pool_size=WRITES_AT_ONCE, limits=CALL)

    def find(user_id: str) -> Wishes:
        return first_answer(reads.order(), finding, lambda it: refusals.wishes(it, user_id, EMAIL))

    def change(user_id: str, kind: str, refuse: bool) -> Wishes:
        with database.transaction(changing) as connection:
            return refusals.choose(connection, user_id, EMAIL, kind, bootstrap.now(), refuse=refuse)

    return Unsubscribing(UnsubscribeTokens(settings.unsubscribe_keys), find, change)


def _engines(settings: Settings, threads: int) -> Mapping[Source, sa.Engine]:
    """An engine for each server that reads go to, with a connection for each of so many threads."""
    urls = {Source.PRIMARY: settings.database, Source.REPLICA: settings.replica_url}
    return {
        source: database.open_engine(url, pool_size=threads, limits=CALL)
        for source, url in urls.items()
        if url
    }


def _rate(requests: int, seconds: int, burst: int) -> Rate | None:
    """The rate of settings, where no requests means any number of them."""
    return rate(requests, seconds, burst) if requests else None


def _keep_looking(live: LiveRules) -> None:
    """Reload rules beside the event loop, which must not wait for it."""
    while True:
        time.sleep(LOOK_SECONDS)
        live.look()
