"""Looks by the command line: recorded where those of systems are, before anything is shown."""

import os
import socket

import sqlalchemy as sa
import structlog

from quadrupel import bootstrap
from quadrupel.core.looks import OPERATOR, Look, LookAt
from quadrupel.store import looks

log = structlog.get_logger()


def record(connection: sa.Connection, user_id: str, what: LookAt, **details: object) -> None:
    """Record in the open transaction that an operator looks; `details` go into the log only.

    Who it was is not known here. The machine and the process are, in place of a request's id.
    """
    process = f"{socket.gethostname()}:{os.getpid()}"
    log.info("a user was looked at", key=OPERATOR, user=user_id, route=what.value, **details)
    made = Look(user_id, bootstrap.now(), OPERATOR, process, OPERATOR, what)
    looks.save(connection, [made])
