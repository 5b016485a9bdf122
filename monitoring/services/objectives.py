"""Objectives: what is promised, from when on, and what follows when the budget is spent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from monitoring.counting import recount_slos
from monitoring.models import BudgetPolicy, Slo, SloTerm, SloVersion
from monitoring.services.binding import series_bind
from monitoring.services.policy import row_put
from monitoring.slo.indicator import slo_terms
from monitoring.store import floor_to
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform

PROMISED: Final = ("objective", "window_kind", "window_days", "zone", "indicator")
FURTHEST_BACK: Final = timedelta(days=30)  # points of 5 minutes are there to recount it from
FURTHEST_AHEAD: Final = timedelta(days=366)


class PromiseError(RefusedError):
    """The version cannot be made; the text is a sentence for the person who asked."""


@transaction.atomic
def slo_put(*, by: Actor, at: datetime, platform: Platform, key: str, values: Mapping[str, Any]) -> Slo:
    """Put an objective. A changed `objective` (per cent), window or `indicator` makes a new version, dated `at`.

    The first version counts from the beginning, so that backfilled history is judged by it; what `values` leaves out
    stays as the last version has it. Raises IndicatorError.
    """
    slo_terms(values["indicator"])
    plain = {name: value for name, value in values.items() if name not in PROMISED}
    slo = row_put(
        Slo,
        by=by,
        at=at,
        verb="monitoring.slo.changed",
        platform_id=platform.pk,
        match={"platform": platform, "key": key},
        values=plain,
    )
    last = slo.versions.order_by("-number").first()
    promised = _promised(last, values)
    if last is None or any(getattr(last, name) != value for name, value in promised.items()):
        _version(slo, last, promised, by=by, at=at, effective_from=at)
    return slo


@transaction.atomic
def slo_promise(
    *, by: Actor, at: datetime, slo: Slo, expected: int, values: Mapping[str, Any], effective_from: datetime
) -> SloVersion:
    """A new version of a promise from an instant on, at most 30 days back; time before it keeps its old objective.

    Time that another version was counted by is counted anew. Raises PromiseError, IndicatorError, VersionConflictError.
    """
    begins = floor_to(effective_from, 300)
    if not at - FURTHEST_BACK <= begins <= at + FURTHEST_AHEAD:
        raise PromiseError("A version begins at most 30 days ago and at most a year ahead.")
    Platform.objects.hold(slo.platform_id)
    slo.update_versioned(expected=expected)
    last = slo.versions.order_by("-number").first()
    latest = slo.versions.order_by("-effective_from").first()
    if last is None or latest is None:
        raise PromiseError("Nothing is promised yet: an objective comes with a pack, or from OpenSLO.")
    if begins <= latest.effective_from:
        raise PromiseError(
            f"Version {latest.number} begins at {latest.effective_from:%Y-%m-%d %H:%M} UTC: begin later."
        )
    promised = _promised(last, values)
    slo_terms(promised["indicator"])
    if all(getattr(last, name) == value for name, value in promised.items()):
        raise PromiseError("Nothing differs from the version that holds.")
    return _version(slo, last, promised, by=by, at=at, effective_from=begins, is_bound=True)


def _promised(last: SloVersion | None, values: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: getattr(last, name) for name in PROMISED if last is not None}
    found = kept | {name: values[name] for name in PROMISED if name in values}
    found["indicator"] = {"method": "occurrences"} | dict(found["indicator"])
    found["objective"] = Decimal(str(found["objective"])).quantize(Decimal("0.001"))
    return found


def _version(
    slo: Slo, last: SloVersion | None, promised: Mapping[str, Any], *, by: Actor, at: datetime,
    effective_from: datetime, is_bound: bool = False,
) -> SloVersion:  # fmt: skip
    version = SloVersion.objects.create(
        slo=slo, number=last.number + 1 if last else 1, effective_from=effective_from, created_by_name=by.name,
        **promised,
    )  # fmt: skip
    if last is not None and last.indicator == version.indicator:
        terms = last.terms.values_list("role", "series_id", "stat")
        SloTerm.objects.bulk_create(
            [SloTerm(slo=slo, of_version=version, role=role, series_id=pk, stat=stat) for role, pk, stat in terms]
        )
    elif is_bound:
        series_bind(by=by, at=at, platform=slo.platform)
        recount_slos(slo_ids=[slo.pk], start=effective_from, end=at)
    record(
        by=by,
        at=at,
        verb="monitoring.slo.promised",
        obj_kind="monitoring.slo",
        obj_id=slo.pk,
        platform_id=slo.platform_id,
        data={"version": version.number, "objective": str(version.objective), "effective_from": effective_from},
    )
    return version


@transaction.atomic
def budget_policy_set(
    *, by: Actor, at: datetime, platform: Platform, expected: int, values: Mapping[str, int]
) -> BudgetPolicy:
    """What follows when this platform's budgets are spent, in per cent; `expected` is 0 where it set nothing yet.

    Raises VersionConflictError.
    """
    row, is_new = BudgetPolicy.objects.get_or_create(platform=platform, defaults=dict(values))
    if not is_new:
        row.update_versioned(expected=expected, **values)
    record(
        by=by, at=at, verb="monitoring.budget_policy.changed", obj_kind="monitoring.budgetpolicy", obj_id=row.pk,
        platform_id=platform.pk, data=dict(values),
    )  # fmt: skip
    return row
