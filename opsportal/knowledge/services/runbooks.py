"""Writing runbooks: each change is a new version, refused while its text has errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.refusals import RefusedError
from opsportal.knowledge.models import Runbook, RunbookVersion
from opsportal.knowledge.runbooks.step_kinds import problems_of
from opsportal.knowledge.runbooks.text import Problem
from opsportal.platforms.models import Platform, PolicySource


class RunbookError(RefusedError):
    """The runbook or its run cannot take this; the text says why. `problems` are those of its text."""

    def __init__(self, text: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookDraft:
    """What a person wrote. `note` says what changed, and why."""

    title: str
    body: str
    summary: str = ""
    owner: str = ""
    review_due: date | None = None
    triggers: Mapping[str, list[str]] = field(default_factory=dict)
    note: str = ""

    @property
    def front(self) -> dict[str, Any]:
        """What stands above the text."""
        return {
            "title": self.title,
            "summary": self.summary,
            "owner": self.owner,
            "review_due": self.review_due.isoformat() if self.review_due else None,
            "triggers": dict(self.triggers),
        }

    @property
    def columns(self) -> dict[str, Any]:
        return {**self.front, "review_due": self.review_due}


@transaction.atomic
def runbook_add(*, by: Actor, at: datetime, platform: Platform, slug: str, draft: RunbookDraft) -> Runbook:
    """Write a new runbook. Raises RunbookError."""
    _check(draft)
    runbook = Runbook(platform=platform, slug=slug, source=PolicySource.EDITED, **draft.columns)
    try:
        with transaction.atomic():
            runbook.save(force_insert=True)
    except IntegrityError:
        raise RunbookError(f"{platform.name} has a runbook with the address {slug}; choose another title.") from None
    _publish(runbook, draft, by=by, at=at)
    _record(runbook, "added", by=by, at=at)
    return runbook


@transaction.atomic
def runbook_edit(*, by: Actor, at: datetime, runbook: Runbook, expected: int, draft: RunbookDraft) -> Runbook:
    """Publish a new version, also of one that was only named before. Raises RunbookError, VersionConflictError."""
    _check(draft)
    current = runbook.current
    if current is not None and (current.body, current.front) == (draft.body, draft.front):
        return runbook
    runbook.update_versioned(expected=expected, **draft.columns, source=PolicySource.EDITED, source_text="")
    _publish(runbook, draft, by=by, at=at)
    _record(runbook, "edited", by=by, at=at)
    return runbook


def version_add(runbook: Runbook, draft: RunbookDraft, *, by: Actor, at: datetime) -> RunbookVersion:
    """The next version's row; the caller holds the runbook's row and points it there."""
    last = runbook.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = RunbookVersion(
        runbook=runbook, number=last + 1, body=draft.body, front=draft.front, author_id=by.user_id, at=at,
        note=draft.note[:300],
    )  # fmt: skip
    version.save(force_insert=True)
    return version


def _publish(runbook: Runbook, draft: RunbookDraft, *, by: Actor, at: datetime) -> None:
    version = version_add(runbook, draft, by=by, at=at)
    runbook.update_versioned(expected=runbook.version, current=version)


def _check(draft: RunbookDraft) -> None:
    errors = [problem for problem in problems_of(draft.body) if problem.is_error]
    if errors:
        raise RunbookError("The text has errors; nothing was published.", errors)


def _record(runbook: Runbook, done: str, *, by: Actor, at: datetime) -> None:
    record(
        by=by,
        at=at,
        verb=f"knowledge.runbook.{done}",
        obj_kind="runbook",
        obj_id=runbook.pk,
        platform_id=runbook.platform_id,
        data={"slug": runbook.slug, "text": runbook.current.number if runbook.current else 0},
    )
