"""Everything the first start of the demo makes; a second run finds it made."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import transaction

from incidents.models import Incident
from opsportal.core.actor import system_actor
from opsportal.local.aws.control import Control
from opsportal.local.aws.script import DETAILED_DAYS, Past, past
from opsportal.local.demo.past_incidents import Cast, Telling
from opsportal.local.demo.past_runbooks import practice_steps
from opsportal.local.demo.past_work import checklist_steps, deployment_steps, drill_steps, window_steps
from opsportal.local.demo.people import actor_of, members_put, people_put
from opsportal.local.demo.platforms import accounts_put, packs_put, probes_put, target_database_connect
from opsportal.local.demo.present import present_put
from opsportal.local.demo.senders import senders_put
from opsportal.local.demo.steps import Step, fire_due, replay
from opsportal.local.environment import Home
from opsportal.notifications.services import muted

SEED = system_actor("demo.seed")


def seed(*, at: datetime, home: Home, story: Past | None = None, days: int = DETAILED_DAYS) -> int:
    """People, packs and accounts where missing; the past once. Returns how many steps of it were replayed.

    `story` is the script to tell, by default the simulator's own; `days` of daily work are told.
    """
    story = story or _script()
    beginning = datetime.combine(story.first_day, time(0), UTC)
    with muted():
        people_put(by=SEED, at=beginning, home=home)
        packs_put(by=SEED, at=beginning)
        members_put(by=SEED, at=beginning)
        target_database_connect(by=SEED, at=beginning)
        accounts_put(by=SEED, at=at)
        probes_put(by=SEED, at=at)
        senders_put(by=SEED, at=at)
        if Incident.objects.exists():
            return 0
        # All of it or nothing: a first start that was cut off tells it from the beginning.
        with transaction.atomic():
            told = replay(_steps(story, at, days))
            fire_due(at)
            present_put(at=at, operator=actor_of("operator", at))
    return told


def _script() -> Past:
    """The script that the simulator lays over its values."""
    state = Control(settings.AWS_ENDPOINT_URL or "").state()
    return past(int(state["seed"]), date.fromisoformat(state["first_day"]))


def _steps(story: Past, at: datetime, days: int) -> Iterator[Step]:
    cast = Cast(actor_of("commander", at), actor_of("operator", at), actor_of("admin", at))
    since = at - timedelta(days=days)
    for incident in story.incidents:
        telling = Telling(incident, cast)
        yield from (step for step in telling.steps() if step.at < at)
    yield from checklist_steps(story, operator=cast.operator, since=since, until=at)
    yield from window_steps(since=since, until=at)
    yield from deployment_steps(story, at)
    yield from drill_steps(story, operator=cast.operator, until=at)
    yield from practice_steps(by=cast.operator, until=at)
