"""Deployments as tools tell of them: one row each, moved by the newest word, whatever the order they come in.

What a tool's words mean here: its service by key or name, else the source's own; an environment that is not production
by the platform's word for it, or by its own, is drawn nowhere and counts in no figure. Without a word it is the
environment of the service.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from monitoring.intake.deployments.told import COMPLETED, IN_PROGRESS, ROLLED_BACK, STATES, Told
from monitoring.models import AlertSource, Deployment
from monitoring.services.alerts import Count
from opsportal.audit.services import record
from opsportal.core.actor import Actor, system_actor
from opsportal.core.live import touch
from opsportal.platforms.models import Environment, Platform, Service

BY: Final = system_actor("monitoring.intake")
_PRODUCTION: Final = frozenset({"production", "prod", "live"})


@dataclass(frozen=True, slots=True)
class Shipped:
    """The deployments that one message tells of."""

    source: AlertSource
    message_id: int
    received_at: datetime
    deployments: Sequence[Told]


class _Words:
    """What the words of a platform's tools mean."""

    def __init__(self, platform_id: int) -> None:
        services = Service.objects.filter(platform=platform_id).order_by("-pk")
        found = list(services.values_list("pk", "key", "name", "environment__is_production"))
        self._services = {word.lower(): pk for pk, key, name, _ in found for word in (name, key)}
        self._of_production = {pk: is_production for pk, *_, is_production in found}
        rows = Environment.objects.filter(platform=platform_id).order_by("-pk")
        places = rows.values_list("key", "name", "is_production")
        self._places = {word.lower(): is_production for key, name, is_production in places for word in (name, key)}

    def service_id(self, word: str) -> int | None:
        return self._services.get(word.lower())

    def is_production(self, word: str, service_id: int | None) -> bool:
        if not word:
            return service_id is None or self._of_production.get(service_id, True)
        return self._places.get(word.lower(), word.lower() in _PRODUCTION)


def deployments_apply(shipped: Iterable[Shipped]) -> tuple[dict[int, Count], list[Deployment]]:
    """Keep what messages tell, within the caller's transaction: counts by message, and the rows that changed.

    The caller ends its transaction with `deployments_record`.
    """
    counts: dict[int, Count] = {}
    changed: dict[int, Deployment] = {}
    words: dict[int, _Words] = {}
    told = [(one, item) for one in shipped for item in one.deployments]
    # A platform's story is told in the order of its times; whoever else tells of it waits.
    told.sort(key=lambda pair: (pair[0].source.platform_id, pair[1].at or pair[0].received_at, pair[1].external_id))
    for one, item in told:
        platform_id, count = one.source.platform_id, counts.setdefault(one.message_id, Count())
        if platform_id not in words:
            Platform.objects.hold(platform_id)
            words[platform_id] = _Words(platform_id)
        at = min(item.at or one.received_at, one.received_at)
        moved = _keep(one.source.platform, item, words[platform_id], at=at, source=one.source)
        count.new, count.repeats = count.new + bool(moved), count.repeats + (not moved)
        changed |= {row.pk: row for row in moved}
    return counts, list(changed.values())


def _keep(
    platform: Platform, item: Told, words: _Words, *, at: datetime, source: AlertSource | None = None
) -> list[Deployment]:
    """Write one word of a deployment; the rows that it changed, none when it was known or is older than what is."""
    values = _values(platform, item, words, at, source)
    match = {"platform": platform, "external_id": item.external_id}
    rows = Deployment.objects.select_for_update()
    row, is_new = rows.get_or_create(**match, defaults={**values, "started_at": at})
    moved = [row] if is_new else []
    if not is_new:
        fresh = values if _is_newer(row, item.state, at) else {}
        fresh = {name: value for name, value in fresh.items() if getattr(row, name) != value}
        if item.state == row.state and row.finished_at:
            fresh.pop("finished_at", None)  # said again, it ended when it ended
        if at < row.started_at:
            fresh["started_at"] = at
        if fresh:
            row.update_versioned(expected=row.version, **fresh)
            moved = [row]
    if moved and row.state == COMPLETED:
        moved += _rolled_back(row)
    return moved


def _values(platform: Platform, item: Told, words: _Words, at: datetime, source: AlertSource | None) -> dict[str, Any]:
    service_id = words.service_id(item.service) or (source.service_id if source else None)
    values = {
        "service_id": service_id,
        "source": source,
        "label": item.label,
        "state": item.state,
        "strategy": item.strategy,
        "is_rollback": item.is_rollback,
        "environment": item.environment,
        "is_production": words.is_production(item.environment, service_id),
        "finished_at": None if item.state == IN_PROGRESS else at,
        "told_at": at,
        "detail": item.detail,
        "url": item.url,
    }
    return values | {"is_restart": _is_out(platform, item, at)} if item.application else values


def _is_out(platform: Platform, item: Told, at: datetime) -> bool:
    """Whether what its application last brought out is this very version."""
    story = Deployment.objects.filter(platform=platform, external_id__startswith=item.application, started_at__lt=at)
    story = story.filter(state__in=[COMPLETED, ROLLED_BACK]).exclude(external_id=item.external_id)
    last = story.order_by("-started_at", "-pk").values_list("label", flat=True).first()
    return last == item.label


def _is_newer(row: Deployment, state: str, at: datetime) -> bool:
    if row.told_at is None or at > row.told_at:
        # What was rolled back stays so, whatever its tool goes on to say of the old run.
        return row.state != ROLLED_BACK or state == ROLLED_BACK
    return at == row.told_at and STATES.index(state) > STATES.index(row.state)


def _rolled_back(row: Deployment) -> list[Deployment]:
    """Mark what was undone, now that `row` is complete: the newest one of its service before a rollback.

    None is guessed without a service. ECS's part in a tool's deployment, a restart and what never went out are nothing
    to bring back.
    """
    if row.service_id is None or row.is_restart:
        return []
    story = Deployment.objects.select_for_update().filter(
        platform=row.platform_id, service=row.service_id, environment=row.environment, is_restart=False
    )
    story = story.of_tools()
    undone: Deployment | None = row
    if row.is_rollback:
        undone = story.filter(is_rollback=False, started_at__lt=row.started_at).order_by("-started_at", "-pk").first()
    else:  # its rollback may have been heard of before its end
        after = story.filter(started_at__gt=row.started_at).order_by("started_at", "pk").first()
        if after is None or not after.is_rollback or after.state != COMPLETED:
            return []
    if undone is None or undone.state != COMPLETED:
        return []
    undone.update_versioned(expected=undone.version, state=ROLLED_BACK)
    return [undone]


def deployments_record(rows: Sequence[Deployment], *, by: Actor, at: datetime) -> None:
    """Tell open pages and the audit of changed deployments; the last statements of the caller's transaction."""
    if rows:
        touch("today", 0)
    for row in sorted(rows, key=lambda one: (one.platform_id, one.pk)):
        record(
            by=by,
            at=at,
            verb="monitoring.deployment.changed",
            obj_kind="monitoring.deployment",
            obj_id=row.pk,
            platform_id=row.platform_id,
            data={"state": row.state},
        )


@transaction.atomic
def deployment_report(*, by: Actor, at: datetime, platform: Platform, item: Told) -> Deployment:
    """Note what a person or a program says of a deployment; the same word twice is one."""
    Platform.objects.hold(platform.pk)
    moved = _keep(platform, item, _Words(platform.pk), at=min(item.at or at, at))
    deployments_record(moved, by=by, at=at)
    return Deployment.objects.select_related("platform", "service", "source").get(
        platform=platform, external_id=item.external_id
    )
