"""What the last answers of a probe mean: M of N. Pure."""

from collections.abc import Sequence


def verdict(answers: Sequence[bool | None], needed: int, before: str) -> str:
    """The state after the last N answers, None where the probe did not run: ok, alarm or unknown.

    `needed` failures mean alarm. Where slots that did not run could still turn the outcome, the state stays as it was
    `before`; where none ran at all, it is unknown.
    """
    failed, absent = answers.count(False), answers.count(None)
    if failed >= needed:
        return "alarm"
    if absent == len(answers):
        return "unknown"
    return "ok" if failed + absent < needed else before
