"""The loops of the portal's own probes: ask what is due, count what was answered."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime
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
LONGEST: Final = 15.0  # seconds; an answer's own limit is 10
NO_ANSWER: Final = Outcome(False, "No answer in time.")

_Answers = SimpleQueue[tuple[int, Outcome]]


@loop(name="monitoring.probes", every=1.0, limit=30.0)
def ask_due(now: datetime) -> int:
    """Ask what is due, side by side, and keep each answer as it comes.

    A pass that is killed leaves leases behind: the next one asks again when they are over, within the same half minute.
    """
    claims = probes_claim(at=now, size=AT_ONCE)
    failpoint("monitoring.probe_claimed")
    answers: _Answers = SimpleQueue()
    for number, claim in enumerate(claims):
        threading.Thread(target=_answer, args=(answers, number, claim.question), daemon=True).start()
    return _keep(claims, answers)


def _answer(answers: _Answers, number: int, question: Question) -> None:
    try:
        outcome = ask(question, at=real_now())
    except Exception as error:  # noqa: BLE001 - the edge of a thread: a fault of ours is no fault of what is asked
        outcome = Outcome(None, f"The portal failed to ask: {type(error).__name__}: {error}"[:240])
    answers.put((number, outcome))


def _keep(claims: Sequence[Claim], answers: _Answers) -> int:
    waiting, until, kept = dict(enumerate(claims)), time.monotonic() + LONGEST, 0
    while waiting:
        try:
            number, outcome = answers.get(timeout=max(0.01, until - time.monotonic()))
        except Empty:
            # Its thread is left behind; sockets of databases end by their own keep-alive.
            number, outcome = next(iter(waiting)), NO_ANSWER
        if number not in waiting:
            continue  # it came after its time
        kept += result_keep(claim=waiting.pop(number), outcome=outcome, at=business_now()) is not None
    return kept


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
