"""An incident that ends while a step of its runbook, or its review, is finished: both are done, neither is refused."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest

from incidents.models import Incident, Review, ReviewEdition, ReviewSection
from incidents.selectors.signed import edition_record
from incidents.services import (
    incident_close,
    incident_describe,
    incident_merge,
    incident_resolve,
    review_draft,
    review_publish,
    review_submit,
)
from incidents.services.progress import CLOSING_TEXTS
from incidents.services.runbooks import runbook_start
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.knowledge.models import StepOutcome
from opsportal.knowledge.services.runs import step_finish
from opsportal.platforms.models import Platform
from tests.at_once import while_held
from tests.factories.incidents import SYSTEM, declare
from tests.factories.runbooks import runbook
from tests.incidents.test_plans_end import plan_for

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("is_merged", [False, True], ids=["closed", "merged"])
def test_a_step_that_is_finished_while_its_incident_ends(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, monkeypatch: pytest.MonkeyPatch, *,
    is_merged: bool,
) -> None:  # fmt: skip
    by = actor_for(operator)
    incident, kept = declare(platform, by=by, at=at), declare(platform, by=by, at=at, title="The same")
    plan_for(incident, by, at)
    run = runbook_start(by=by, at=at, incident=incident, runbook=runbook(platform, at=at))
    if is_merged:
        end: Callable[[], object] = partial(
            incident_merge, by=by, at=at, incident=incident, expected=incident.version, target=kept
        )
    else:
        incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
        texts = dict.fromkeys(CLOSING_TEXTS, "text")
        end = partial(incident_close, by=by, at=at, incident=incident, expected=incident.version, texts=texts)
    step = partial(step_finish, by=by, at=at, run=run, expected=1, step=1, outcome=StepOutcome.DONE)
    results = while_held(monkeypatch, "opsportal.knowledge.services.runs.tell", step, end)
    assert not [result for result in results if isinstance(result, Exception)], results
    said = list(incident.entries.filter(kind="runbook").order_by("number").values_list("body", flat=True))
    assert (said[-2][:10], said[-1][:16]) == ("did step 1", "left the runbook")


def test_a_review_that_is_published_while_its_incident_closes(
    platform: Platform, at: datetime, commander: User, admin: User, actor_for: ActorFor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    by = actor_for(commander)
    incident = declare(platform, by=by, at=at)
    plan_for(incident, by, at)
    incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    review = review_draft(by=by, at=at, incident=incident)
    review = review_submit(by=by, at=at, review=review, expected=review.version)
    incident.refresh_from_db()
    texts = dict.fromkeys(CLOSING_TEXTS, "text")
    results = while_held(
        monkeypatch,
        "incidents.services.reviews.append",
        partial(
            review_publish, by=actor_for(admin), at=at, review=review, expected=review.version, note="Enough is known."
        ),
        partial(incident_close, by=SYSTEM, at=at, incident=incident, expected=incident.version, texts=texts),
    )
    assert not [result for result in results if isinstance(result, Exception)], results
    assert Review.objects.get(pk=review.pk).state == "published"
    assert Incident.objects.get(pk=incident.pk).state == "closed"


def test_a_review_that_is_published_while_a_time_is_corrected_keeps_the_time_that_stands(
    platform: Platform, at: datetime, commander: User, admin: User, actor_for: ActorFor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    by, start = actor_for(commander), at - timedelta(minutes=2)
    incident = declare(platform, by=by, at=at)
    incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    review = review_draft(by=by, at=at, incident=incident)
    ReviewSection.objects.filter(review=review).update(edited_at=at)  # none follows: its version stays
    review = review_submit(by=by, at=at, review=review, expected=review.version)
    incident.refresh_from_db()
    changes = {"impact_started_at": start}
    describe = partial(
        incident_describe, by=by, at=at, incident=incident, expected=incident.version, changes=changes, why="the log"
    )
    publish = partial(
        review_publish, by=actor_for(admin), at=at, review=review, expected=review.version, note="Enough is known."
    )
    results = while_held(monkeypatch, "incidents.services.record.append", describe, publish)
    assert not [result for result in results if isinstance(result, Exception)], results
    signed = edition_record(by, ReviewEdition.objects.get(review=review), at)
    assert signed is not None
    assert signed.incident.impact_started_at == start
