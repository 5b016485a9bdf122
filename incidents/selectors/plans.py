"""The plans of an incident and what became of each: for its review and for what leaves the portal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db.models import QuerySet
from django.urls import reverse

from incidents.models import Incident
from opsportal.core.formats import duration, stamp
from opsportal.plans.models import Approval, Plan, PlanState

MOST: Final = 20


class Decision(NamedTuple):
    """One person's word on a plan."""

    name: str
    verdict: str
    reason: str
    is_alone: bool
    at: datetime

    @property
    def words(self) -> str:
        alone = " alone, without a second person (break-glass)" if self.is_alone else ""
        return f"{self.verdict} by {self.name} {stamp(self.at)}{alone}" + (f": {self.reason}" if self.reason else "")


class PlanResult(NamedTuple):
    """A plan that was asked for on the incident."""

    number: int
    title: str
    content_hash: str
    state: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str
    decisions: Sequence[Decision]

    @property
    def url(self) -> str:
        return reverse("plans:plan", args=[self.number])

    @property
    def name(self) -> str:
        return f"{self.title} (plan {self.content_hash[:8]})"

    @property
    def words(self) -> str:
        """`done: requested by Ada 2026-11-18 08:52:07 UTC, approved by Ben, carried out in 32 s`."""
        said = [f"{PlanState(self.state).label.lower()}: requested by {self.requested_by} {stamp(self.requested_at)}"]
        said += [decision.words for decision in self.decisions]
        if self.state == PlanState.DONE and self.started_at and self.finished_at:
            said.append(f"carried out in {duration(self.finished_at - self.started_at)}")
        return ", ".join(said) + (f"; {self.error}" if self.error else "")


def plans_begun(incident: Incident, start: datetime, end: datetime) -> QuerySet[Plan]:
    """Plans of the platform that began in [start, end], newest first; none of another incident that is restricted."""
    others = Incident.objects.filter(platform_id=incident.platform_id, is_restricted=True).exclude(pk=incident.pk)
    rows = Plan.objects.filter(platform_id=incident.platform_id, started_at__range=(start, end))
    return rows.exclude(subject__in=others.references()).order_by("-started_at", "-pk")


def plan_results(incident: Incident) -> list[PlanResult]:
    """The incident's newest plans in the order in which they were asked for: two queries, however many there are."""
    newest = (
        Plan.objects.filter(subject=incident.reference).select_related("requested_by").order_by("-requested_at", "-pk")
    )
    plans = list(newest[:MOST])[::-1]
    words: dict[int, list[Decision]] = {}
    for row in Approval.objects.filter(plan__in=plans).select_related("by_user").order_by("at", "pk"):
        said = Decision(row.by_user.name, row.get_verdict_display().lower(), row.reason, row.is_break_glass, row.at)
        words.setdefault(row.plan_id, []).append(said)
    return [
        PlanResult(
            number=plan.pk,
            title=plan.title,
            content_hash=plan.content_hash,
            state=plan.state,
            requested_by=plan.requested_by.name if plan.requested_by else "the portal",
            requested_at=plan.requested_at,
            started_at=plan.started_at,
            finished_at=plan.finished_at,
            error=plan.error,
            decisions=words.get(plan.pk, []),
        )
        for plan in plans
    ]
