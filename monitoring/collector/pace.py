"""How fast an account's region is asked: two token buckets in PostgreSQL, so that every worker sees the same ones.

AWS allows 50 GetMetricData requests and 180,000 datapoints a second for each account and region, half as many points
when the start lies more than three hours back (CloudWatch service quotas). Who asks takes tokens first and waits until
they are paid for. All of it runs on real time.
"""

import time
from typing import Final

from django.db import connection

from monitoring.models import AwsAccount, RegionPoll

REQUESTS_PER_SECOND: Final = 50.0
POINTS_PER_SECOND: Final = 180_000.0
LEAST_SHARE: Final = 1 / 32
RECOVERS_IN: Final = 600.0  # seconds from nothing to the whole
LONGEST_WAIT: Final = 30.0

_TAKE: Final = """
UPDATE monitoring_regionpoll p SET
    share = n.share, refilled_at = n.at,
    request_tokens = least(p.request_tokens + n.passed * n.share * %(requests)s, n.share * %(requests)s) - 1,
    point_tokens = least(p.point_tokens + n.passed * n.share * %(points)s, n.share * %(points)s) - %(cost)s
FROM (
    SELECT id, clock_timestamp() AS at, passed, least(1.0, share + passed / %(recovers)s) AS share
    FROM monitoring_regionpoll, LATERAL
        (SELECT greatest(0, extract(epoch FROM clock_timestamp() - refilled_at))::float8 AS passed) AS since
    WHERE id = %(id)s FOR UPDATE OF monitoring_regionpoll
) n WHERE p.id = n.id RETURNING p.share, p.request_tokens, p.point_tokens
"""


class Pace:
    """The buckets of one account and region, as one pass uses them; counts its requests."""

    def __init__(self, account: AwsAccount, region: str, *, is_old: bool = False) -> None:
        self.row, _ = RegionPoll.objects.get_or_create(account=account, region=region)
        self.requests = 0
        self.weight = 2 if is_old else 1

    def take(self, points: int) -> None:
        """Take one request of so many datapoints, and wait until it may be made."""
        self.requests += 1
        params = {
            "id": self.row.pk,
            "requests": REQUESTS_PER_SECOND,
            "points": POINTS_PER_SECOND,
            "recovers": RECOVERS_IN,
            "cost": points * self.weight,
        }
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, params)
            share, requests, paid_points = cursor.fetchone()
        debt = max(-requests / REQUESTS_PER_SECOND, -paid_points / POINTS_PER_SECOND, 0.0) / share
        if debt:
            time.sleep(min(debt, LONGEST_WAIT))

    def throttled(self) -> None:
        """AWS said that it is too much: half from now on, and nothing at once."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE monitoring_regionpoll SET share = greatest(share / 2, %s),"
                " request_tokens = least(request_tokens, 0), point_tokens = least(point_tokens, 0) WHERE id = %s",
                [LEAST_SHARE, self.row.pk],
            )
