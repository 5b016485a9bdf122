"""One row of everything that Today and the palette show."""

from datetime import datetime, timedelta

from incidents.models import Incident
from incidents.services import action_item_add, incident_restrict
from maintenance.models import HandOver, LogKind, OperationsLogEntry
from maintenance.services.windows import window_now
from monitoring.models import AlarmState, Deployment, EvidenceResult
from opsportal.core.actor import Actor
from opsportal.plans.models import Plan
from opsportal.plans.services import PlanDraft, PlannedCall, plan_create
from opsportal.platforms.models import Platform
from tests.factories.incidents import alarm, declare
from tests.factories.maintenance import PORTAL, checklist_run, window


def restricted(platform: Platform, *, by: Actor, at: datetime, title: str) -> Incident:
    """An incident that only `by` may know of."""
    incident = declare(platform, by=by, at=at, title=title)
    incident_restrict(by=by, at=at, incident=incident, expected=incident.version, is_restricted=True)
    incident.refresh_from_db()
    return incident


def overdue_action(incident: Incident, *, at: datetime, title: str) -> None:
    action_item_add(by=PORTAL, at=at - timedelta(days=9), incident=incident, title=title, due_date=at.date())


def plan_of(platform: Platform, *, at: datetime, title: str = "ANALYZE two tables") -> Plan:
    draft = PlanDraft(
        kind="database-analyze",
        title=title,
        effect="Statistics are fresh.",
        calls=[PlannedCall(operation="sql.analyze", target="shop: public.orders")],
        starts_after=None,
        expires_at=at + timedelta(hours=1),
    )
    return plan_create(by=PORTAL, at=at, platform=platform, draft=draft)


def evidence(platform: Platform, *, at: datetime, name: str = "backup.fresh", verdict: str = "ok") -> EvidenceResult:
    return EvidenceResult.objects.create(
        platform=platform, check_name=name, verdict=verdict, summary=f"{name} said {verdict}", fetched_at=at,
        created_at=at, digest="0" * 64,
    )  # fmt: skip


def everything(platform: Platform, *, at: datetime) -> None:
    """One row in each block of Today."""
    declare(platform, by=PORTAL, at=at - timedelta(minutes=9), title="Checkout fails")
    alarm(platform, state=AlarmState.ALARM)
    alarm(platform, key="unseen", signal="other", state=AlarmState.UNKNOWN)
    checklist_run(platform, at=at)
    window_now(by=PORTAL, at=at + timedelta(hours=1), window=window(platform, rule=""))
    plan_of(platform, at=at)
    evidence(platform, at=at - timedelta(hours=1))
    HandOver.objects.create(platform=platform, body="Watch the batch.", created_at=at, signed_at=at)
    Deployment.objects.create(
        platform=platform, external_id="web:7", label="web 2.4.1", state="completed", started_at=at
    )
    OperationsLogEntry.objects.create(platform=platform, at=at, kind=LogKind.NOTE, text="Cache emptied.")
