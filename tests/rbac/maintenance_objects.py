"""Routes of checklists, windows, jobs and plans."""

from datetime import timedelta
from typing import Any

from maintenance.models import ChecklistItem, ChecklistRun, Job, JobRun, WindowOccurrence
from maintenance.services.freezes import freeze_begin
from maintenance.services.windows import window_now
from opsportal.core.clock import now
from opsportal.plans.models import Plan
from opsportal.plans.services import PlanDraft, PlannedCall, plan_create
from tests.factories.maintenance import PORTAL, checklist_run, window
from tests.rbac.objects import Case, route


def _run(case: Case) -> ChecklistRun:
    return checklist_run(case.platform, at=now())


def _item(case: Case) -> ChecklistItem:
    item: ChecklistItem = _run(case).items.get(position=1)
    return item


def _occurrence(case: Case) -> WindowOccurrence:
    return window_now(by=PORTAL, at=now() + timedelta(hours=1), window=window(case.platform, rule=""))


def _freeze(case: Case) -> WindowOccurrence:
    at = now()
    return freeze_begin(
        by=PORTAL, at=at, platform=case.platform, service=None, reason="x", ends_at=at + timedelta(hours=1)
    )  # fmt: skip


def _plan(case: Case) -> Plan:
    draft = PlanDraft(
        kind="database-analyze",
        title="ANALYZE two tables",
        effect="Statistics are fresh.",
        calls=[PlannedCall(operation="database.analyze", target="shop/public.orders")],
        starts_after=None,
        expires_at=now() + timedelta(hours=1),
    )
    return plan_create(by=PORTAL, at=now(), platform=case.platform, draft=draft)


def _job_run(case: Case) -> JobRun:
    occurrence = _occurrence(case)
    job = Job.objects.create(
        platform=case.platform, key="analyze", name="ANALYZE", kind="database-analyze", window=occurrence.window
    )
    return JobRun.objects.create(platform=case.platform, job=job, occurrence=occurrence, plan=_plan(case))


def _answer(_case: Case) -> dict[str, Any]:
    return {"version": "1", "reason": "r", "note": "n"}


route("maintenance:checklist-run", lambda case: {"pk": _run(case).pk})
route("maintenance:evidence-request", lambda case: {"pk": _run(case).pk})
route("maintenance:hand-over", lambda case: {"pk": _run(case).pk}, data=lambda _case: {"version": "0", "body": "b"})
for _name in ("item-tick", "item-untick", "item-set-aside", "item-note"):
    route(f"maintenance:{_name}", lambda case: {"pk": _item(case).pk}, data=_answer)
route(
    "maintenance:operations-log-add",
    data=lambda case: {"platform": case.platform.pk, "text": "A line", "idempotency_key": ""},
)
route("maintenance:window", lambda case: {"pk": _occurrence(case).pk})
route("maintenance:window-cancel", lambda case: {"pk": _occurrence(case).pk}, data=_answer)
route("maintenance:job-run", lambda case: {"pk": _job_run(case).pk})
route("plans:plan", lambda case: {"pk": _plan(case).pk})
route(
    "plans:plan-decide",
    lambda case: {"pk": _plan(case).pk},
    data=lambda _case: {
        "version": "1",
        "verdict": "approved",
        "content_hash": Plan.objects.values_list("content_hash", flat=True).latest("pk"),
    },
)
route("maintenance-api:checklist-run-detail", lambda case: {"pk": _run(case).pk})
route("maintenance-api:checklist-item-detail", lambda case: {"pk": _item(case).pk})
route("maintenance-api:checklist-item-tick", lambda case: {"pk": _item(case).pk})
route("maintenance-api:window-detail", lambda case: {"pk": _occurrence(case).pk})
route("maintenance:freeze-end", lambda case: {"pk": _freeze(case).pk}, data=_answer)
route("maintenance-api:freeze-end", lambda case: {"pk": _freeze(case).pk}, data=_answer)
