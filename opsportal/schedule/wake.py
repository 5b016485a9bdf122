"""Wake the dispatcher from inside a transaction: the signal leaves with the commit, or not at all."""

from typing import Final

from django.db import connection

WAKE_CHANNEL: Final = "ops_wake"


def wake(channel: str) -> None:
    """Run the loops that listen on `channel` as soon as this transaction commits.

    A lost wake-up costs a second or two: every loop polls as well.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [WAKE_CHANNEL, channel])
