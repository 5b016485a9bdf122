"""The portal's own invariants: nothing waits for ever, no lease outlives its holder, no chain falls behind."""

from datetime import timedelta
from typing import Final

from django.conf import settings

from opsportal.audit.models import AuditCheckpoint, AuditEntry, AuditHead
from opsportal.core.clock import now, real_now
from opsportal.notifications.models import OutboxMessage
from opsportal.schedule.invariants import MAX_FINDINGS, invariant
from opsportal.schedule.models import Run, RunState, Schedule

OUTBOX_WAITS: Final = timedelta(seconds=60)
LEASE_GRACE: Final = timedelta(seconds=60)
SLOT_GRACE: Final = timedelta(seconds=60)
CHECKPOINT_GRACE: Final = timedelta(minutes=10)
TAKEN_WITHIN: Final = timedelta(minutes=5)


@invariant(name="outbox.nothing_waits")
def outbox_waits() -> list[str]:
    now_ = real_now()
    late = OutboxMessage.objects.filter(sent_at=None, parked_at=None, not_before__lt=now_ - OUTBOX_WAITS)
    return [
        f"Message {pk} ({kind}) has waited since {at:%H:%M:%S} UTC after {attempts} attempts."
        for pk, kind, at, attempts in late.order_by("not_before", "pk").values_list(
            "pk", "kind", "not_before", "attempts"
        )[:MAX_FINDINGS]
    ]


@invariant(name="runs.no_lease_without_holder")
def leases_run_out() -> list[str]:
    stuck = Run.objects.filter(state=RunState.RUNNING, lease_until__lt=real_now() - LEASE_GRACE)
    return [
        f"Run {pk} of {key} is held by {holder}, whose lease ended at {until:%H:%M:%S} UTC."
        for pk, key, holder, until in stuck.order_by("lease_until", "pk").values_list(
            "pk", "key", "holder", "lease_until"
        )[:MAX_FINDINGS]
    ]


@invariant(name="schedules.next_slot_planned")
def slots_are_planned() -> list[str]:
    behind = Schedule.objects.filter(is_enabled=True, next_slot_at__lt=now() - SLOT_GRACE)
    return [
        f"{key} was due at {at:%Y-%m-%d %H:%M} UTC and is not in the ledger."
        for key, at in behind.order_by("next_slot_at", "pk").values_list("key", "next_slot_at")[:MAX_FINDINGS]
    ]


@invariant(name="audit.witnessed_in_time")
def audit_is_witnessed() -> list[str]:
    if not settings.AUDIT_ANCHOR:
        return []
    findings = []
    for chain, seq in AuditHead.objects.order_by("chain").values_list("chain", "seq"):
        last = AuditCheckpoint.objects.filter(chain=chain).order_by("-seq").values_list("seq", flat=True).first() or 0
        oldest = AuditEntry.objects.filter(chain=chain, seq=last + 1).values_list("recorded_at", flat=True).first()
        if seq > last and (oldest is None or real_now() - oldest > CHECKPOINT_GRACE):
            findings.append(
                f"Audit chain {chain} has {seq - last} rows that no checkpoint has witnessed for 10 minutes."
            )
    return findings[:MAX_FINDINGS]


@invariant(name="audit.head_is_last")
def audit_heads_agree() -> list[str]:
    heads = AuditHead.objects.filter(seq__gt=0).order_by("chain").values_list("chain", "seq", "hash")
    findings = []
    for chain, seq, expected in heads:
        found = AuditEntry.objects.filter(chain=chain).order_by("-seq").values_list("seq", "hash").first()
        if found is None or found[0] != seq or bytes(found[1]) != bytes(expected):
            findings.append(f"Audit chain {chain} does not end where its head says: run `manage.py audit verify`.")
    return findings[:MAX_FINDINGS]


@invariant(name="runs.taken_in_time")
def runs_are_taken() -> list[str]:
    waiting = Run.objects.filter(state=RunState.DUE, attempts=0, created_at__lt=real_now() - TAKEN_WITHIN)
    return [
        f"Run {pk} of {key} has waited since {at:%H:%M} UTC: no worker took it."
        for pk, key, at in waiting.order_by("slot_utc", "pk").values_list("pk", "key", "created_at")[:MAX_FINDINGS]
    ]
