"""Runbooks as pages show them: the index, one runbook, and which match an alarm or an incident."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from django.db.models import Count, Max, OuterRef, Q, Subquery

from opsportal.core.actor import Actor
from opsportal.knowledge.models import Runbook, RunbookRun, RunbookVersion
from opsportal.knowledge.runbooks.step_kinds import problems_of
from opsportal.knowledge.runbooks.text import Problem

MAX_LISTED = 300


@lru_cache(maxsize=1000)
def problems(body: str) -> tuple[Problem, ...]:
    """The lint of a text; texts do not change, and reading one takes a millisecond."""
    return problems_of(body)


@dataclass(frozen=True, slots=True)
class RunbookRow:
    """One line of the index."""

    runbook: Runbook
    last_run: datetime | None
    last_drill: datetime | None
    errors: int
    warnings: int
    is_review_due: bool
    wanted_changes: int


def runbook_rows(
    actor: Actor, *, platform_id: int | None, text: str = "", view: str = "", today: date
) -> list[RunbookRow]:
    """Those the actor may see; `view` is "", review-due, never-run or not-written."""
    rows = Runbook.objects.visible_to(actor).of_platform(platform_id).matching(text)
    if view == "review-due":
        rows = rows.filter(review_due__lte=today)
    elif view == "not-written":
        rows = rows.filter(current=None)
    elif view == "never-run":
        rows = rows.filter(current__isnull=False).exclude(pk__in=RunbookRun.objects.values("runbook_id"))
    found = list(rows.select_related("platform", "current").order_by("platform__name", "title", "pk")[:MAX_LISTED])
    found.sort(key=lambda runbook: not runbook.is_written)  # what has a text comes first
    last = _last_runs(actor, found)
    wanted = _wanted(actor, found)
    return [_row(runbook, last, wanted, today) for runbook in found]


def _row(
    runbook: Runbook, last: Mapping[tuple[int, bool], datetime], wanted: Mapping[int, int], today: date
) -> RunbookRow:
    found = problems(runbook.current.body) if runbook.current else ()
    errors = sum(problem.is_error for problem in found)
    return RunbookRow(
        runbook=runbook,
        last_run=last.get((runbook.pk, False)),
        last_drill=last.get((runbook.pk, True)),
        errors=errors,
        warnings=len(found) - errors,
        is_review_due=runbook.review_due is not None and runbook.review_due <= today,
        wanted_changes=wanted.get(runbook.pk, 0),
    )


def _last_runs(actor: Actor, runbooks: Sequence[Runbook]) -> dict[tuple[int, bool], datetime]:
    rows = RunbookRun.objects.visible_to(actor).filter(runbook__in=runbooks)
    figures = rows.order_by().values_list("runbook_id", "is_practice").annotate(last=Max("started_at"))
    return {(runbook, practice): last for runbook, practice, last in figures}


def _wanted(actor: Actor, runbooks: Sequence[Runbook]) -> dict[int, int]:
    """How many ended runs of the present version asked for a change."""
    current = [runbook.current_id for runbook in runbooks if runbook.current_id]
    rows = RunbookRun.objects.visible_to(actor).filter(text__in=current, needs_change=True)
    return dict(rows.order_by().values_list("runbook_id").annotate(Count("pk")))


def versions_of(runbook: Runbook) -> list[RunbookVersion]:
    """Newest first, without their texts."""
    return list(runbook.versions.defer("body").select_related("author").order_by("-number")[:100])


def version_numbered(runbook: Runbook, number: int | None) -> RunbookVersion | None:
    """One version with its text."""
    return runbook.versions.select_related("author").filter(number=number).first() if number else None


def runs_of(actor: Actor, runbook: Runbook, *, limit: int = 20) -> list[RunbookRun]:
    """The newest runs an actor may know of."""
    rows = RunbookRun.objects.visible_to(actor).filter(runbook=runbook)
    return list(rows.select_related("text", "started_by", "holder").order_by("-started_at", "-pk")[:limit])


def wanted_changes(actor: Actor, runbook: Runbook) -> list[RunbookRun]:
    """What runs of the present version found wanting; gone with the next version."""
    rows = RunbookRun.objects.visible_to(actor).filter(text_id=runbook.current_id, needs_change=True)
    return list(rows.select_related("holder").order_by("-finished_at", "-pk")[:20]) if runbook.current_id else []


@dataclass(frozen=True, slots=True)
class Match:
    """A runbook that fits, and by what."""

    runbook: Runbook
    why: str


def matching_runbooks(
    platform_id: int, *, alarms: Iterable[str] = (), service: str = "", kind: str = "", limit: int = 8
) -> list[Match]:
    """Those triggered by one of the alarms (rule keys), the service, or the type of incident; alarms first."""
    fired = set(alarms)
    by_trigger = Q()
    for alarm in fired:
        by_trigger |= Q(triggers__alarms__contains=[alarm])
    by_trigger |= Q(triggers__services__contains=[service]) if service else Q()
    by_trigger |= Q(triggers__types__contains=[kind]) if kind else Q()
    if not by_trigger:
        return []
    rows = Runbook.objects.filter(by_trigger, platform_id=platform_id).select_related("platform", "current")
    ranked: list[tuple[int, str, Match]] = []
    for runbook in rows.order_by("title", "pk")[:100]:
        common = sorted(fired & set(runbook.trigger("alarms")))
        of_type, of_service = kind in runbook.trigger("types"), service in runbook.trigger("services")
        reasons = [f"alarm {common[0]}"] if common else []
        reasons += [f"type {kind.replace('_', ' ')}"] if of_type else []
        reasons += [f"service {service}"] if of_service else []
        score = 4 * bool(common) + 2 * of_type + of_service + 8 * runbook.is_written
        ranked.append((-score, runbook.title, Match(runbook, ", ".join(reasons))))
    ranked.sort(key=lambda row: row[:2])
    return [match for _, _, match in ranked[:limit]]


def runbook_named(platform_id: int, text: str) -> list[Runbook]:
    """Written runbooks whose title or address is `text`, else those that begin with it, else those that contain it."""
    rows = Runbook.objects.filter(platform_id=platform_id, current__isnull=False).select_related("platform", "current")
    wanted = text.strip()
    for match in ("iexact", "istartswith", "icontains"):
        found = list(
            rows.filter(Q(**{f"title__{match}": wanted}) | Q(**{f"slug__{match}": wanted})).order_by("title")[:5]
        )
        if found:
            return found
    return []


def found_runbooks(actor: Actor, text: str, *, limit: int = 8) -> list[Runbook]:
    """For the command palette."""
    rows = Runbook.objects.visible_to(actor).select_related("platform").matching(text)
    return list(rows.order_by("platform_id", "title", "pk")[:limit])


def never_run(actor: Actor, platform_id: int | None) -> list[Runbook]:
    """Written runbooks that were never carried out, not even in practice."""
    newest = RunbookRun.objects.filter(runbook=OuterRef("pk")).values("pk")[:1]
    rows = Runbook.objects.visible_to(actor).of_platform(platform_id).filter(current__isnull=False)
    rows = rows.annotate(any_run=Subquery(newest)).filter(any_run=None).select_related("platform")
    return list(rows.order_by("platform__name", "title", "pk")[:MAX_LISTED])
