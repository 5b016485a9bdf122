"""The simulated AWS, set as the portal's."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from opsportal.aws.session import forget_clients
from tests.local.aws.simulator import Simulator, aws_simulator

__all__ = ["aws_simulator"]


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
