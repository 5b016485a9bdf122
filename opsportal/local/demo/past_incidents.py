"""How the incidents of the script were worked, told through the services that people use."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from incidents.choices import (
    ActionState,
    Audience,
    CauseKind,
    DetectionSource,
    EntryKind,
    IncidentRole,
    IncidentType,
    UpdateState,
)
from incidents.lifecycle import Stage
from incidents.models import ActionItem, Incident, ResponseTask, Review
from incidents.selectors.named import severity_of_rank
from incidents.services.actions import action_item_add, action_item_update
from incidents.services.causes import cause_add
from incidents.services.command import incident_acknowledge, role_assign
from incidents.services.declare import Declaration, incident_declare
from incidents.services.marks import entry_pin, entry_tag
from incidents.services.progress import incident_advance, incident_close, incident_mitigate, incident_resolve
from incidents.services.record import incident_describe
from incidents.services.reviews import review_draft, review_publish, review_section_edit, review_submit
from incidents.services.tasks import task_add, task_tick
from incidents.services.timeline import entry_log
from incidents.services.updates import update_post
from opsportal.core.actor import Actor, system_actor
from opsportal.local.aws.script import PastIncident
from opsportal.local.demo.past_runbooks import follow
from opsportal.local.demo.steps import Step
from opsportal.platforms.models import Service

ALARMS = system_actor("incidents.claims")
REVIEWS = system_actor("incidents.reviews")


@dataclass(slots=True)
class Cast:
    """Who plays in every incident."""

    commander: Actor
    operator: Actor
    admin: Actor


@dataclass(slots=True)
class Telling:
    """One incident being told; its steps share the row they write."""

    past: PastIncident
    cast: Cast
    pk: int = field(default=0)

    def steps(self) -> Iterator[Step]:
        past, minute = self.past, timedelta(minutes=1)
        start = past.starts_at + 2 * minute
        acknowledged = start + past.acknowledged_after * minute
        mitigated = past.starts_at + past.mitigated_after * minute
        pause = (mitigated - acknowledged) / 5
        yield Step(start, self.declare, touches_clocks=True)
        yield Step(acknowledged, self.acknowledge, touches_clocks=True)
        yield Step(acknowledged + pause, self.assess, touches_clocks=True)
        yield Step(acknowledged + 2 * pause, self.tell, touches_clocks=True)
        yield Step(acknowledged + 3 * pause, self.find_cause, touches_clocks=True)
        yield Step(mitigated, self.mitigate, touches_clocks=True)
        yield Step(past.ends_at, self.resolve, touches_clocks=True)
        if past.reviewed_after_hours is not None:
            yield Step(acknowledged + 2.2 * pause, partial(self.follow_runbook, 0.7 * pause), touches_clocks=True)
            reviewed = past.ends_at + timedelta(hours=past.reviewed_after_hours)
            yield Step(reviewed - timedelta(hours=6), self.write_review, touches_clocks=True)
            yield Step(reviewed, self.publish_review, touches_clocks=True)
            yield Step(reviewed + timedelta(days=9), self.finish_action)
        elif past.rank > 2:
            yield Step(past.ends_at + timedelta(hours=3), self.close, touches_clocks=True)

    @property
    def incident(self) -> Incident:
        return Incident.objects.get(pk=self.pk)

    def declare(self, at: datetime) -> None:
        service = Service.objects.select_related("platform").get(
            platform__key=self.past.platform, key=self.past.service
        )
        incident = incident_declare(
            by=ALARMS,
            at=at,
            declaration=Declaration(
                platform_id=service.platform_id,
                title=self.past.title,
                service=service,
                severity=severity_of_rank(service.platform_id, self.past.rank),
                type=IncidentType.OUTAGE if self.past.rank == 1 else IncidentType.DEGRADATION,
                detection_source=DetectionSource.AUTOMATED_ALERT,
                impact_started_at=self.past.starts_at,
                take_command=False,
            ),
        )
        self.pk = incident.pk

    def acknowledge(self, at: datetime) -> None:
        incident = self.incident
        incident = incident_acknowledge(by=self.cast.commander, at=at, incident=incident, expected=incident.version)
        role_assign(
            by=self.cast.commander,
            at=at,
            incident=incident,
            expected=self.incident.version,
            role=IncidentRole.COMMUNICATIONS,
            user_id=self.cast.operator.user_id or 0,
        )

    def assess(self, at: datetime) -> None:
        incident = self.incident
        incident_advance(
            by=self.cast.commander, at=at, incident=incident, expected=incident.version, stage=Stage.RESPOND.value
        )
        entry_log(
            by=self.cast.commander,
            at=at,
            incident=incident,
            body="Errors on the chart since the alarm; no data at risk.",
        )
        entry_log(by=self.cast.operator, at=at, incident=incident, body="Looking at the last deployments and the log.")

    def tell(self, at: datetime) -> None:
        incident = self.incident
        update_post(
            by=self.cast.operator,
            at=at,
            incident=incident,
            expected=incident.version,
            state=UpdateState.INVESTIGATING,
            audience=Audience.PUBLIC,
            body=f"We are investigating: {self.past.title}.",
        )

    def follow_runbook(self, within: timedelta, at: datetime) -> None:
        follow(self.incident, by=self.cast.commander, at=at, within=within)

    def find_cause(self, at: datetime) -> None:
        incident = self.incident
        body = f"{self.past.cause}. Remedy: {self.past.remedy.lower()}"
        found = entry_log(by=self.cast.commander, at=at, incident=incident, body=body, kind=EntryKind.DECISION)
        if self.past.rank > 2:
            return
        entry_pin(by=self.cast.commander, at=at, entry=found, on=True)
        entry_tag(by=self.cast.operator, at=at, entry=found, word="cause", on=True)
        task_add(
            by=self.cast.commander,
            at=at,
            incident=incident,
            title=self.past.remedy[:200],
            owner_id=self.cast.operator.user_id,
            within=timedelta(minutes=30),
        )

    def mitigate(self, at: datetime) -> None:
        incident = self.incident
        for task in ResponseTask.objects.filter(incident=incident).select_related("incident"):
            task_tick(by=self.cast.operator, at=at, task=task, expected=task.version, done=True)
        incident_mitigate(
            by=self.cast.commander, at=at, incident=incident, expected=incident.version, note=self.past.remedy
        )

    def resolve(self, at: datetime) -> None:
        incident = self.incident
        incident = incident_describe(
            by=self.cast.commander,
            at=at,
            incident=incident,
            expected=incident.version,
            changes={"cause": self.past.cause, "impact_technical": self.past.title, "users_affected": "not measured"},
        )
        incident_resolve(
            by=self.cast.commander,
            at=at,
            incident=incident,
            expected=self.incident.version,
            resolution=self.past.remedy,
        )
        if self.past.rank <= 2:
            review_draft(by=REVIEWS, at=at, incident=self.incident)

    def write_review(self, at: datetime) -> None:
        review = Review.objects.get(incident_id=self.pk)
        late = review.sections.get(key="went-wrong").body
        said = late or f"Nothing warned of it before: {self.past.cause}"
        for key, body in (
            ("prevention", self.past.lesson), ("lessons", f"{self.past.lesson}."), ("went-wrong", said),
        ):  # fmt: skip
            section = review.sections.get(key=key)
            review_section_edit(by=self.cast.commander, at=at, section=section, expected=section.version, body=body)
        happened = cause_add(
            by=self.cast.commander, at=at, review=review, parent=None, kind=CauseKind.TRIGGER, text=self.past.title
        )
        cause_add(
            by=self.cast.commander, at=at, review=review, parent=happened, kind=CauseKind.ROOT, text=self.past.cause
        )
        action_item_add(
            by=self.cast.commander,
            at=at,
            incident=self.incident,
            title=self.past.lesson,
            owner_id=self.cast.operator.user_id,
            due_date=(at + timedelta(days=10)).date(),
        )
        review.refresh_from_db()
        review_submit(by=self.cast.commander, at=at, review=review, expected=review.version)

    def publish_review(self, at: datetime) -> None:
        self.close(at)
        review = Review.objects.get(incident_id=self.pk)
        review_publish(by=self.cast.admin, at=at, review=review, expected=review.version, note="Read and agreed.")

    def close(self, at: datetime) -> None:
        incident = self.incident
        incident_close(by=self.cast.commander, at=at, incident=incident, expected=incident.version)

    def finish_action(self, at: datetime) -> None:
        # Every fourth stays open and is overdue by now, as in every team.
        if self.past.number % 4 == 0:
            return
        item = ActionItem.objects.get(incident_id=self.pk)
        action_item_update(
            by=self.cast.operator,
            at=at,
            item=item,
            expected=item.version,
            state=ActionState.DONE,
            owner_id=item.owner_id,
            due_date=item.due_date,
            evidence="Checked in the next release.",
        )
