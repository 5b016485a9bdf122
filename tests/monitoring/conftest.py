"""The simulated AWS, set as the portal's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from opsportal.aws.session import forget_clients
from opsportal.core.clock import now
from tests.local.aws.simulator import Simulator, aws_simulator

__all__ = ["aws_simulator"]
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture
def simulated_aws(aws_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    forget_clients()
    monkeypatch.setattr(settings, "AWS_ENDPOINT_URL", aws_simulator.url)
    yield aws_simulator
    forget_clients()


@pytest.fixture
def dead_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An address where nothing listens; one try each, since the back-off of retries is AWS's business."""
    forget_clients()
    monkeypatch.setattr(settings, "AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    yield
    forget_clients()


@pytest.fixture(scope="session", autouse=True)
def partitions(django_db_setup: None, django_db_blocker: Any) -> None:
    """Partitions for the days that tests use, made once: in a test's own transaction they are undone with it."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for at in (AT, now()):
            cursor.execute("SELECT monitoring_ensure_partitions(%s, %s)", [at, at])
