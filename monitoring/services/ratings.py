"""How useful an alarm's firing was, in the word of who answered it (M-MET-13)."""

from datetime import datetime

from django.db import transaction

from monitoring.models import AlarmRating, AlarmState, AlarmTransition
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.refusals import RefusedError


class RatingError(RefusedError):
    """Nothing was changed; the text is a sentence for the person who asked."""


@transaction.atomic
def alarm_rate(*, by: Actor, at: datetime, transition: AlarmTransition, word: str) -> AlarmRating:
    """Say what a firing was worth, or think again; the same word once more changes nothing. Raises RatingError."""
    if transition.to_state != AlarmState.ALARM:
        raise RatingError("Only a firing is rated, not its end.")
    if by.user_id is None:
        raise RatingError("Only a person rates an alarm.")
    rating, is_new, changed = AlarmRating.put(
        match={"transition": transition, "user_id": by.user_id},
        values={"word": word},
        made={"platform_id": transition.platform_id, "rated_at": at},
    )
    if is_new or changed:
        record(
            by=by,
            at=at,
            verb="monitoring.alarm.rated",
            obj_kind="monitoring.alarm",
            obj_id=transition.alarm_id,
            platform_id=transition.platform_id,
            data={"transition": transition.pk, "word": word},
        )
    return rating
