"""An account that does not answer must not hold the workers that others need."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from monitoring.models import AwsAccount, RegionPoll


@contextmanager
def asking(account: AwsAccount, region: str) -> Iterator[bool]:
    """Whether this account and region may be asked now.

    As long as it answers: always. Regions whose last pass had no answer share one turn between all of them, whatever
    their number: the others find their workers free. The turn is a lock of the connection, so it ends with its process.
    """
    if not RegionPoll.objects.filter(account=account, region=region, failed_in_row__gt=0).exists():
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('monitoring-unanswered'))")
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('monitoring-unanswered'))")
