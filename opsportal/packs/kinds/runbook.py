"""Runbooks. A file's name is the runbook's key; one without a text is named by the guide and not written."""

from datetime import date, datetime

from opsportal.core.actor import Actor
from opsportal.knowledge.models import Runbook
from opsportal.knowledge.models.runbooks import TRIGGERS
from opsportal.knowledge.services.runbooks import RunbookDraft, version_add
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import Platform


def _shape(data: Data, context: Context) -> Data:
    del context
    own = pick(data, title="", summary="", owner="", review_due=None, note="", body="")
    return {**own, **{name: list(data.get(name, [])) for name in TRIGGERS}, **provenance(data)}


def _declare(data: Data, context: Context) -> Data:
    del context
    return {name: value for name, value in data.items() if value not in ("", [], None)}


def _runbook(row: Runbook) -> Data:
    return {
        "title": row.title,
        "summary": row.summary,
        "owner": row.owner,
        "review_due": row.review_due.isoformat() if row.review_due else None,
        "note": row.note,
        "body": row.current.body.strip("\n") if row.current else "",
        **{name: row.trigger(name) for name in TRIGGERS},
        **row_provenance(row),
    }


def _write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    found = Runbook.objects.filter(platform=platform, slug=key).select_related("current").first()
    draft = RunbookDraft(
        title=data["title"],
        body=data["body"] + "\n" if data["body"] else "",
        summary=data["summary"],
        owner=data["owner"],
        review_due=date.fromisoformat(data["review_due"]) if data["review_due"] else None,
        triggers={name: data[name] for name in TRIGGERS if data[name]},
        note="from the pack",
    )
    columns = {**draft.columns, "note": data["note"], **source_columns(data)}
    runbook = save(found, lambda: Runbook(platform=platform, slug=key), columns)
    assert isinstance(runbook, Runbook)
    if draft.body and (
        runbook.current is None or (runbook.current.body, runbook.current.front) != (draft.body, draft.front)
    ):
        version = version_add(runbook, draft, by=by, at=at)
        runbook.update_versioned(expected=runbook.version, current=version)


RUNBOOK = Kind(
    name="runbook",
    load=lambda platform: {
        row.slug: _runbook(row) for row in platform.runbooks.select_related("current").order_by("slug")
    },
    write=_write,
    shape=_shape,
    declare=_declare,
)
