"""Topics of SNS that signed messages named, and the subscriptions that are confirmed to them."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from monitoring.intake.certificates import answer_of_sns
from monitoring.intake.sns import SignerUnreachableError, address_to_confirm
from monitoring.models import AlertSource, SnsTopic, TopicState
from opsportal.accounts.secrets import cipher
from opsportal.core.clock import real_now
from opsportal.schedule.wake import wake

CONFIRM_CHANNEL: Final = "intake-confirm"
_PURPOSE: Final = "sns-topic"
_TRIES: Final = 8
_CONFIRMED: Final = re.compile(rb"<SubscriptionArn>arn:[^<]{1,400}</SubscriptionArn>")


def topic_seen(*, source: AlertSource, arn: str, at: datetime) -> SnsTopic:
    """The row of a topic that a proven message named; a new one waits for an admin."""
    topic, _ = SnsTopic.objects.get_or_create(
        source=source, arn=arn, defaults={"platform_id": source.platform_id, "first_seen_at": at}
    )
    return topic


def topic_ask(*, topic: SnsTopic, token: str) -> None:
    """Let the subscription of an allowed topic be confirmed soon."""
    topic.update_versioned(
        expected=topic.version,
        confirm_token=cipher(_PURPOSE).encrypt(token.encode()).decode(),
        confirm_after=real_now(),
        confirm_attempts=0,
        confirm_error="",
    )
    wake(CONFIRM_CHANNEL)


def topics_confirm(*, at: datetime, fetch: Callable[[str], bytes] = answer_of_sns) -> int:
    """Confirm one subscription that waits; returns how many were tried.

    Confirming twice does no harm, so the row is only marked afterwards: a crash between the two confirms again.
    """
    rows = SnsTopic.objects.exclude(confirm_token="").filter(state=TopicState.ALLOWED, confirm_after__lte=real_now())
    topic = rows.order_by("confirm_after", "pk").first()
    if topic is None:
        return 0
    try:
        token = cipher(_PURPOSE).decrypt(topic.confirm_token.encode()).decode()
        answer = fetch(address_to_confirm(topic.arn, token))
        error = "" if _CONFIRMED.search(answer) else "SNS did not answer with a subscription."
    except SignerUnreachableError as unreachable:
        error = str(unreachable)
    attempts = topic.confirm_attempts + 1
    topic.update_versioned(
        expected=topic.version,
        confirm_attempts=attempts,
        confirm_error=error[:300],
        confirm_after=real_now() + timedelta(seconds=10 * 2**attempts),
        confirm_token="" if not error or attempts >= _TRIES else topic.confirm_token,
        confirmed_at=topic.confirmed_at if error else at,
    )
    return 1
