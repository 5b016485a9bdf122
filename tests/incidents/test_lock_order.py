"""The audit's chain is the last row that a service locks; whoever holds it waits for nobody, and its fault is told."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest
from django.db import IntegrityError

from incidents.models import Incident, IncidentLink
from incidents.registries.origins import origin_of
from incidents.services import entry_log, incident_link, incident_merge, incident_resolve, incident_unlink, report_add
from incidents.services.attachments import attachment_add
from incidents.services.declare import Declaration, incident_declare_from
from incidents.services.problems import problem_name, problem_unlink
from incidents.services.tasks import task_add
from opsportal.platforms.models import Platform
from tests.chain import chain_last
from tests.factories.incidents import SYSTEM, declare

pytestmark = pytest.mark.django_db


def _ready(platform: Platform, at: datetime) -> tuple[Incident, Incident]:
    return declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at)


@pytest.mark.parametrize(
    "act",
    [
        partial(problem_name, title="The pool runs dry"),
        partial(incident_resolve, resolution="restarted"),
    ],
)
def test_an_act_records_last(platform: Platform, at: datetime, act: Callable[..., object]) -> None:
    one, _ = _ready(platform, at)
    with chain_last():
        act(by=SYSTEM, at=at, incident=one, expected=one.version)


def test_what_ties_two_rows_records_last(platform: Platform, at: datetime) -> None:
    one, two = _ready(platform, at)
    with chain_last():
        incident_link(by=SYSTEM, at=at, incident=two, expected=two.version, other=one, kind="related")
    with chain_last():
        incident_unlink(by=SYSTEM, at=at, incident=one, link=IncidentLink.objects.get())
    problem_name(by=SYSTEM, at=at, incident=one, expected=one.version, title="Slow disk")
    with chain_last():
        problem_name(by=SYSTEM, at=at, incident=one, expected=one.version, title="Full disk")
    with chain_last():
        problem_unlink(by=SYSTEM, at=at, incident=one, expected=one.version)
    said = list(one.entries.filter(kind="state").order_by("number").values_list("body", flat=True))
    assert "does not come from" in " ".join(said)
    with chain_last():
        incident_merge(by=SYSTEM, at=at, incident=one, expected=one.version, target=two)


def test_an_incident_declared_from_a_report_records_last(platform: Platform, at: datetime) -> None:
    report = report_add(by=SYSTEM, at=at, platform_id=platform.pk, text="slow", kind="fault", channel="phone")
    origin = origin_of(SYSTEM, f"report:{report.pk}")
    assert origin is not None
    declaration = Declaration(platform_id=platform.pk, title="Slow", declare_key="d1")
    with chain_last("monitoring_annotation"):
        incident = incident_declare_from(by=SYSTEM, at=at, declaration=declaration, origin=origin)
    # Sent again it is the same incident, and nothing is said twice.
    before = incident.entries.count()
    again = incident_declare_from(by=SYSTEM, at=at, declaration=declaration, origin=origin)
    assert (again.pk, incident.entries.count()) == (incident.pk, before)


def test_a_fault_of_a_line_without_key_is_no_resend(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise IntegrityError

    incident = declare(platform, by=SYSTEM, at=at)
    for step, write_again in (
        ("timeline.append", partial(entry_log, body="x")),
        ("attachments.record", partial(attachment_add, name="a.txt", content=b"x")),
        ("tasks.record", partial(task_add, title="x")),
    ):
        write_again(by=SYSTEM, at=at, incident=incident)
        with monkeypatch.context() as patch:
            patch.setattr(f"incidents.services.{step}", fail)
            with pytest.raises(IntegrityError):
                write_again(by=SYSTEM, at=at, incident=incident)
