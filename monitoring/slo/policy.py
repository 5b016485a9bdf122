"""What follows when a budget is spent: notice, review, freeze. Platforms keep their own; this is the default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Step = Literal["notice", "review", "freeze"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Shares of the whole budget. `review_share`: one incident that used more wants a review of its own.

    The defaults are the SRE workbook's error budget policy; no guide names other figures.
    """

    notice_at: float = 0.5
    review_at: float = 0.75
    freeze_at: float = 1.0
    review_share: float = 0.2
    is_default: bool = True

    def step(self, used: float | None) -> Step | None:
        """The highest step that this share has reached; None below the first, or when nothing is known."""
        if used is None:
            return None
        steps: tuple[tuple[float, Step], ...] = (
            (self.freeze_at, "freeze"), (self.review_at, "review"), (self.notice_at, "notice"),
        )  # fmt: skip
        return next((step for limit, step in steps if used >= limit), None)
