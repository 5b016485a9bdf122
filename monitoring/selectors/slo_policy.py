"""The budget policies of platforms."""

from collections.abc import Iterable

from monitoring.models import BudgetPolicy
from monitoring.slo.policy import Policy


def policies(platform_ids: Iterable[int]) -> dict[int, Policy]:
    """The policy of each platform; the portal's own where it set none."""
    wanted = set(platform_ids)
    own = {
        row.platform_id: Policy(
            notice_at=row.notice_at / 100,
            review_at=row.review_at / 100,
            freeze_at=row.freeze_at / 100,
            review_share=row.review_share / 100,
            is_default=False,
        )
        for row in BudgetPolicy.objects.filter(platform_id__in=wanted)
    }
    return {platform_id: own.get(platform_id, Policy()) for platform_id in wanted}
