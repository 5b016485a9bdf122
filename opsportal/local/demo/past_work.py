"""The last month's daily work: lists ticked and missed, windows held, deployments, drills."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from maintenance.models import ChecklistRun, ChecklistTemplate, LogKind, Window, WindowOccurrence
from maintenance.services.checklists import checklist_run_miss, checklist_run_open, item_set_aside, item_tick
from maintenance.services.hand_over import hand_over_draft, hand_over_save
from maintenance.services.operations_log import log_add
from maintenance.services.windows import window_close, window_occurrences_plan, window_open
from monitoring.models import AnnotationKind
from monitoring.services.marks import annotation_put, deployment_put
from opsportal.core.actor import Actor, system_actor
from opsportal.local.aws.script import Past, PastDeployment, PastDrill
from opsportal.local.aws.services import deployment_id, task_revision
from opsportal.local.demo.steps import Step
from opsportal.platforms.models import Platform, Service
from opsportal.schedule.recurrence import Rule, next_slots

LISTS: Final = system_actor("maintenance.checklists")
WINDOWS: Final = system_actor("maintenance.windows")
COLLECTOR: Final = system_actor("monitoring.resources")
_Deed = Callable[[datetime], object]


def checklist_steps(past: Past, *, operator: Actor, since: datetime, until: datetime) -> Iterator[Step]:
    """Every slot of every list between the two instants: done, or missed as the script says."""
    dice = random.Random(past.seed)
    missed = {(miss.platform, miss.day) for miss in past.misses}
    for template in ChecklistTemplate.objects.select_related("platform").order_by("platform__key", "key"):
        for slot in next_slots(Rule(cron=template.rule, zone=template.zone), since, until):
            due = slot.at_utc + timedelta(minutes=template.due_after_minutes)
            if due >= until:
                continue
            told = _List(template, slot.at_utc, operator, dice.randrange(4, 25))
            yield Step(slot.at_utc - timedelta(minutes=template.opens_before_minutes), told.open)
            if (template.platform.key, slot.local.date()) in missed:
                yield Step(slot.at_utc + timedelta(minutes=9), told.begin)
                yield Step(due, told.miss)
            else:
                yield Step(slot.at_utc + timedelta(minutes=told.delay), told.finish)


class _List:
    """One run being worked."""

    def __init__(self, template: ChecklistTemplate, slot_at: datetime, operator: Actor, delay: int) -> None:
        self.template, self.slot_at, self.operator = template, slot_at, operator
        self.delay = min(delay, template.due_after_minutes - 1)
        self.pk = 0

    @property
    def run(self) -> ChecklistRun:
        return ChecklistRun.objects.get(pk=self.pk)

    def open(self, at: datetime) -> None:
        run = checklist_run_open(by=LISTS, at=at, template=self.template, slot_at=self.slot_at)
        self.pk = run.pk
        # What AWS would have answered then can no longer be asked.
        if run.evidence_due_at is not None:
            run.update_versioned(expected=run.version, evidence_due_at=None)

    def begin(self, at: datetime) -> None:
        first = self.run.items.order_by("position").first()
        if first is not None:
            item_tick(by=self.operator, at=at, item=first, expected=first.version)

    def finish(self, at: datetime) -> None:
        items = list(self.run.items.select_related("run").order_by("position"))
        for number, item in enumerate(items):
            when = at + timedelta(seconds=40 * number)
            if number and number == self.slot_at.day % 9:
                item_set_aside(by=self.operator, at=when, item=item, expected=item.version, reason="Nothing changed.")
            else:
                item_tick(by=self.operator, at=when, item=item, expected=item.version)
        if "evening" in self.template.key:
            run, when = self.run, at + timedelta(seconds=40 * len(items))
            body = hand_over_draft(run) or "Quiet day. Nothing is left open."
            hand_over_save(by=self.operator, at=when, run=run, body=body, expected=0, sign=True)

    def miss(self, at: datetime) -> None:
        checklist_run_miss(by=LISTS, at=at, run=self.run)


def window_steps(*, since: datetime, until: datetime) -> Iterator[Step]:
    """Plan, open and close every occurrence of the packs' windows."""
    for window in Window.objects.exclude(rule="").order_by("pk"):
        window_occurrences_plan(at=since, window=window)
    held = WindowOccurrence.objects.filter(starts_at__gte=since, ends_at__lt=until).order_by("starts_at", "pk")
    for pk, starts_at, ends_at in held.values_list("pk", "starts_at", "ends_at"):
        yield Step(starts_at, _opener(pk))
        yield Step(ends_at, _closer(pk))


def _occurrence(pk: int) -> WindowOccurrence:
    occurrence: WindowOccurrence = WindowOccurrence.objects.select_related("window", "platform").get(pk=pk)
    return occurrence


def _opener(pk: int) -> _Deed:
    return lambda at: window_open(by=WINDOWS, at=at, occurrence=_occurrence(pk))


def _closer(pk: int) -> _Deed:
    return lambda at: window_close(by=WINDOWS, at=at, occurrence=_occurrence(pk))


def deployment_steps(past: Past, until: datetime) -> Iterator[Step]:
    counts: Counter[str] = Counter()
    for row in past.deployments:
        counts[row.service] += 1
        if row.at < until:
            yield Step(row.at, _deployer(row, task_revision(counts[row.service])))


def _deployer(row: PastDeployment, revision: int) -> _Deed:
    def deploy(at: datetime) -> None:
        service = Service.objects.select_related("platform").get(platform__key=row.platform, key=row.service)
        deployment_put(
            by=COLLECTOR,
            at=at,
            platform=service.platform,
            service=service,
            # As ECS tells the last of them, so that the collector finds it again.
            external_id=deployment_id(row.service, row.at),
            label=f"{row.service}:{revision}",
            state="completed" if row.outcome == "succeeded" else "rolled_back",
            started_at=at,
            finished_at=at + timedelta(minutes=6),
        )

    return deploy


def drill_steps(past: Past, *, operator: Actor, until: datetime) -> Iterator[Step]:
    """Drills have no room of their own yet: the journal and the charts carry them."""
    for row in past.drills:
        if row.at < until:
            yield Step(row.at, _driller(row, operator))


def _driller(row: PastDrill, operator: Actor) -> _Deed:
    def drill(at: datetime) -> None:
        platform = Platform.objects.get(key=row.platform)
        text = (
            f"{row.kind.capitalize()} drill: back after {row.recovery_minutes} min, "
            f"{row.data_loss_minutes} min of data would have been lost."
        )
        log_add(by=operator, at=at, platform_id=platform.pk, kind=LogKind.NOTE, text=text)
        annotation_put(
            by=operator,
            at=at,
            platform=platform,
            service=None,
            kind=AnnotationKind.DRILL,
            ref=f"DRILL-{at:%Y%m%d}",
            title=f"{row.kind.capitalize()} drill",
            url="",
            starts_at=at,
            ends_at=at + timedelta(minutes=row.recovery_minutes),
        )

    return drill
