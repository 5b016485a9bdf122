"""What pages and health ask about notices and the outbox."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.notifications.models import Channel, Notice, OutboxMessage, Webhook


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How the outbox stands; `oldest_pending_at` is real time."""

    pending: int
    parked: int
    oldest_pending_at: datetime | None

    @property
    def oldest_seconds(self) -> float:
        return (real_now() - self.oldest_pending_at).total_seconds() if self.oldest_pending_at else 0.0


def notices_of(actor: Actor) -> QuerySet[Notice]:
    """The notices of this person, latest first."""
    return Notice.objects.filter(user_id=actor.user_id or 0).order_by("-at", "-pk")


def unread_count(actor: Actor) -> int:
    """How many of this person's notices are unread."""
    return Notice.objects.filter(user_id=actor.user_id, read_at=None).count() if actor.user_id else 0


def outbox_state() -> OutboxState:
    """Counts of what waits and what is parked."""
    pending = Q(sent_at=None, parked_at=None)
    figures = OutboxMessage.objects.filter(sent_at=None).aggregate(
        pending=Count("pk", filter=pending),
        parked=Count("pk", filter=Q(parked_at__isnull=False)),
        oldest=Min("created_at", filter=pending),
    )
    return OutboxState(figures["pending"], figures["parked"], figures["oldest"])


def parked_messages() -> QuerySet[OutboxMessage]:
    """Messages that were given up, latest first."""
    return OutboxMessage.objects.filter(parked_at__isnull=False).order_by("-parked_at", "-pk")


def last_deliveries(webhooks: Iterable[Webhook]) -> Mapping[int, OutboxMessage]:
    """The newest message to each of these webhooks, by webhook id; those never told are left out."""
    by_target = {webhook.target: webhook.pk for webhook in webhooks}
    rows = OutboxMessage.objects.filter(target__in=by_target, channel=Channel.WEBHOOK)
    newest = rows.order_by("target", "-created_at", "-pk").distinct("target")
    return {by_target[message.target]: message for message in newest}
