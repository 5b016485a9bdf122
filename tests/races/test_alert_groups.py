"""A person ends a group of alerts while the dispatcher reads the next ones: neither works on what the other left."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from monitoring.models import Alarm, AlertSubject
from monitoring.services import alerts
from monitoring.services.alerts import group_end
from monitoring.services.inbound import inbound_judge
from tests.factories.intake import BY, fired, post, source_of, together
from tests.factories.platforms import platform_with_policy

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_group_ended_during_a_batch_is_over_with_all_its_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.views.intake.now", lambda: AT)
    _, link = source_of(platform_with_policy(key="shop", name="Shop"), at=AT)
    post(link, together(fired("DiskFull", instance="a")))
    inbound_judge(at=AT)
    post(link, together(fired("DiskFull", instance="a", starts="2026-03-10T09:00:30Z"), fired("DiskFull")))
    has_read, may_write = threading.Event(), threading.Event()
    whole = alerts._Batch.apply

    def slow(batch: alerts._Batch) -> dict[int, alerts.Count]:
        has_read.set()
        may_write.wait(1)  # the person ends the group now, or waits for this batch
        return whole(batch)

    monkeypatch.setattr(alerts._Batch, "apply", slow)
    failed: list[Exception] = []

    def dispatch() -> None:
        try:
            inbound_judge(at=AT + MINUTE)
        except Exception as error:  # noqa: BLE001 - told by the assertion
            failed.append(error)
        finally:
            connection.close()

    dispatcher = threading.Thread(target=dispatch)
    dispatcher.start()
    assert has_read.wait(10)
    alarm = Alarm.objects.get(origin="alert")
    group_end(by=BY, at=AT + 2 * MINUTE, alarm=alarm, expected=alarm.version, reason="")
    may_write.set()
    dispatcher.join(20)
    alarm.refresh_from_db()
    assert not failed
    assert (alarm.state, alarm.value) == ("ok", 0)
    assert not AlertSubject.objects.filter(is_firing=True).exists()
