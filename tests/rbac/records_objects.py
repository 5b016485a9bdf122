"""Routes of health, notices and the audit trail."""

from typing import Any

from opsportal.core.actor import system_actor
from opsportal.core.clock import real_now
from opsportal.notifications.models import Notice, OutboxMessage
from opsportal.notifications.webhooks import webhook_add
from opsportal.schedule.loops import loops
from opsportal.schedule.models import LoopPulse
from tests.rbac.objects import Case, route


def _beating(_case: Case) -> dict[str, Any]:
    """A pulse for every loop: the deep check answers 503 while one is dead."""
    now = real_now()
    for item in loops().values():
        LoopPulse.objects.create(
            name=item.name, holder="t", every=item.every, limit=item.limit, pulse_at=now, ok_at=now
        )
    return {}


def _parked(case: Case) -> dict[str, Any]:
    now = real_now()
    message = OutboxMessage.objects.create(
        key="k", kind="test", channel="email", platform=case.platform, target="a@b.example", subject="s", body="b",
        at=now, created_at=now, not_before=now, parked_at=now,
    )  # fmt: skip
    return {"pk": message.pk}


def _notice(case: Case) -> dict[str, Any]:
    if case.user is None:
        return {"pk": 1}
    notice = Notice.objects.create(user=case.user, key="k", kind="test", subject="s", at=real_now())
    return {"pk": notice.pk}


def _webhook(case: Case) -> dict[str, Any]:
    webhook, _ = webhook_add(
        by=system_actor("matrix"), at=real_now(), platform=case.platform, name="Bridge", url="https://example.org/",
        events=["incident.declared"],
    )  # fmt: skip
    return {"pk": webhook.pk}


route("notifications:webhook-new", lambda case: {"key": case.platform.key})
for _name in ("webhook", "webhook-rotate", "webhook-try", "webhook-remove"):
    route(f"notifications:{_name}", _webhook, data=lambda _case: {"version": "1"})
route("health:deep", _beating, owned="portal")
route("health:message-release", _parked, owned="portal")
route("health:metrics", owned="portal")
route("notifications:notice-open", _notice, owned="person")
