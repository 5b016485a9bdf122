"""The loops of the portal's own probes: ask what is due, count what was answered."""

import threading
import time
from datetime import datetime, timedelta
from itertools import count
from queue import Empty, SimpleQueue
from typing import Final

from monitoring.probing.asking import Outcome, Question, ask
from monitoring.services.probe_minutes import results_fold, results_forget
from monitoring.services.probes import Claim, probes_claim, result_keep
from opsportal.core.clock import now as business_now
from opsportal.core.clock import real_now
from opsportal.core.faults import failpoint
from opsportal.schedule.loops import loop

AT_ONCE: Final = 24
CLAIMS_EVERY: Final = 1.0  # seconds
CLAIMS_FOR: Final = 12.0  # seconds of a pass; with `LONGEST` within the loop's limit
LONGEST: Final = 15.0  # seconds; an answer's own limit is 10
NO_ANSWER: Final = Outcome(False, "No answer in time.")

_Answers = SimpleQueue[tuple[int, Outcome]]


@loop(name="monitoring.probes", every=1.0, limit=30.0)
def ask_due(now: datetime) -> int:
    """Ask what is due, side by side, and keep each answer as it comes.

    While some are slow to answer, others that fall due are asked beside them: what hangs delays nobody else. A pass
    that is killed leaves leases behind: the next one asks again when they are over, within the same half minute.
    """
    answers: _Answers = SimpleQueue()
    numbers = count()
    waiting: dict[int, tuple[Claim, float]] = {}
    begun, claim_at, kept = time.monotonic(), 0.0, 0
    while True:
        real = time.monotonic()
        if claim_at <= real < begun + CLAIMS_FOR and len(waiting) < AT_ONCE:
            claim_at = real + CLAIMS_EVERY
            for claim in probes_claim(at=now + timedelta(seconds=real - begun), size=AT_ONCE - len(waiting)):
                number = next(numbers)
                waiting[number] = claim, real + LONGEST
                threading.Thread(target=_answer, args=(answers, number, claim.question), daemon=True).start()
            failpoint("monitoring.probe_claimed")
        if not waiting:
            return kept
        kept += _keep(waiting, answers)


def _answer(answers: _Answers, number: int, question: Question) -> None:
    try:
        outcome = ask(question, at=real_now())
    except Exception as error:  # noqa: BLE001 - the edge of a thread: a fault of ours is no fault of what is asked
        outcome = Outcome(None, f"The portal failed to ask: {type(error).__name__}: {error}"[:240])
    answers.put((number, outcome))


def _keep(waiting: dict[int, tuple[Claim, float]], answers: _Answers) -> int:
    """Keep the next answer, or that none came to the oldest question; waits no longer than until others may be due."""
    oldest, ends = next((number, ends) for number, (_, ends) in waiting.items())
    try:
        number, outcome = answers.get(timeout=max(0.01, min(ends - time.monotonic(), CLAIMS_EVERY)))
    except Empty:
        if time.monotonic() < ends:
            return 0
        # Its thread is left behind; sockets of databases end by their own keep-alive.
        number, outcome = oldest, NO_ANSWER
    if number not in waiting:
        return 0  # it came after its time
    claim, _ = waiting.pop(number)
    return int(result_keep(claim=claim, outcome=outcome, at=business_now()) is not None)


@loop(name="monitoring.probe-minutes", every=5.0, limit=30.0)
def fold_minutes(now: datetime) -> int:
    """Write finished minutes into series, objectives and rules."""
    results_fold(at=now)
    return 0


@loop(name="monitoring.probe-retention", every=3600.0, limit=30.0)
def forget(now: datetime) -> int:
    """Let go of single answers older than a week."""
    results_forget(at=now)
    return 0
