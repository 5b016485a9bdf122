"""Carrying out a run of a saved question: put it where the service logs, wait, keep what it found.

Each place is a *part*, written down before and after its question is put. While AWS works on one, the run gives its
place in the worker to others and comes back to look. A worker that was killed is followed by one that goes on with the
questions AWS already has; of one that may or may not have been put it says *lost*, and puts it no second time: AWS
bills each.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson
from django.db import transaction

from monitoring.logs import MOST_PLACES, NO_GROUP, NO_SERVICE, Place, left_out, places_of, refusal
from monitoring.models import AwsAccount, LogAnswer, LogRun, LogRunState, PartState
from monitoring.models.log_queries import scan_cost
from monitoring.services.accounts import aws_session
from opsportal.audit.services import record
from opsportal.aws import logs
from opsportal.aws.errors import AwsError, AwsThrottledError, AwsUnreachableError
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.faults import failpoint
from opsportal.core.live import touch
from opsportal.core.masking import mask_start
from opsportal.schedule.services import LeaseLostError

WAIT_SECONDS: Final = 100.0  # for AWS
READ_SECONDS: Final = 60.0  # more, for reading what it found when AWS throttles the reading
STAY_SECONDS: Final = 4.0  # in the worker at a time; most questions are answered by then
PAUSE_SECONDS: Final = 1.0
MOST_ROWS: Final = 1_000
MOST_CHARACTERS: Final = 2_000  # of a cell
MOST_KEPT: Final = 1_000_000  # characters of an answer
TOO_LONG: Final = "stopped after {seconds:g} s: ask about less time."
BY_HAND: Final = "stopped by hand."
UNCONFIRMED: Final = "AWS did not confirm that it stopped: it may read on, and bill for it."
NOT_READ: Final = "AWS answered, and what it found could not be read any more."
NOTHING_READ: Final = "What it had found until then could not be read."
MAYBE_PUT: Final = "the worker was lost while it was put. AWS may have read logs for it; nothing was asked again."
Part = dict[str, Any]
Row = Mapping[str, str]


def run_carry_out(*, run_id: int, fence: int, by: Actor, clock: Callable[[], datetime]) -> str:
    """Carry a run out, or go on with it; returns its state: while it is open, it has to be looked at again.

    Raises LeaseLostError when another one holds it.
    """
    taken = LogRun.objects.filter(pk=run_id, fence__lte=fence, state__in=LogRun.OPEN)
    taken.update(state=LogRunState.RUNNING, fence=fence)
    run = LogRun.objects.select_related("query__service").get(pk=run_id)
    if not run.is_open:
        return run.state
    work = _Work(run, fence)
    work.plan()
    work.put()
    if not work.wait(until=time.monotonic() + STAY_SECONDS) or not work.look_again():
        return work.run.state
    return work.finish(by=by, at=clock())


class _Work:
    """One run in the hands of one worker."""

    def __init__(self, run: LogRun, fence: int) -> None:
        self.run, self.fence = run, fence
        self.parts: list[Part] = run.parts
        self.said: list[str] = []
        self.found: dict[int, Sequence[Row]] = {}
        ids = {part["account"] for part in self.parts}
        self.accounts = {row.pk: row for row in AwsAccount.objects.filter(pk__in=ids)} if ids else {}

    def plan(self) -> None:
        """Find out where to ask, once: a run that is gone on with keeps its places."""
        if self.parts:
            for part in self.parts:
                if part["state"] == PartState.ASKING:
                    self._end(part, PartState.LOST, MAYBE_PUT)
            return
        service = self.run.query.service
        places = places_of(platform_id=self.run.platform_id, service=service.key)
        by_place: dict[tuple[int, str], Part] = {}
        for number, place in enumerate(places):
            self.accounts[place.account.pk] = place.account
            self._add(by_place, place, is_asked=number < MOST_PLACES)
        self.parts = [part for part in by_place.values() if part["groups"] or part["state"] == PartState.FAILED]
        if not self.parts:
            self.said.append((NO_GROUP if places else NO_SERVICE).format(service=service.key))
        self._write(parts=self.parts)

    def _add(self, by_place: dict[tuple[int, str], Part], place: Place, *, is_asked: bool) -> None:
        part = by_place.setdefault(
            (place.account.pk, place.region),
            {
                "account": place.account.pk, "region": place.region, "groups": [], "state": PartState.NEW, "query": "",
                "put_at": "", "bytes": 0, "matched": 0, "said": "",
            },
        )  # fmt: skip
        if not is_asked:
            self._end(part, PartState.NEW if part["groups"] else PartState.FAILED, left_out(place))
            return
        try:
            part["groups"] = sorted({*part["groups"], *place.groups()})
        except AwsError as error:
            part["said"] = refusal(place, error)
            if not part["groups"]:
                part["state"] = PartState.FAILED
        else:
            part["state"] = PartState.NEW

    def put(self) -> None:
        """Put the question to each place that has not had it, writing down that it is put before it is."""
        for part in self.parts:
            if part["state"] != PartState.NEW:
                continue
            if self._is_stopped():
                self._end(part, PartState.STOPPED, BY_HAND)
                continue
            part["state"], part["put_at"] = PartState.ASKING, real_now().isoformat()
            self._write(parts=self.parts)
            failpoint("monitoring.log_query_put")
            try:
                part["query"] = logs.begin(
                    self._session(part),
                    part["region"],
                    groups=part["groups"],
                    text=self.run.text,
                    start=self.run.starts_at,
                    end=self.run.ends_at,
                    limit=MOST_ROWS,
                )
            except AwsError as error:
                self._end(part, PartState.FAILED, self._refused(part, error))
            else:
                part["state"] = PartState.RUNNING
            self._write(parts=self.parts)
            failpoint("monitoring.log_query_begun")

    def wait(self, *, until: float) -> bool:
        """Look at what runs for as long as may be stayed; whether all of it ended.

        Where somebody stops it, or AWS had its time, AWS is told to stop.
        """
        while running := self._running():
            for part in running:
                self._follow(part)
            self._tell()
            if not self._running():
                break
            stopped = self._is_stopped()
            if stopped or self._is_too_long():
                self._stop(BY_HAND if stopped else TOO_LONG.format(seconds=WAIT_SECONDS))
                self._tell()  # whoever goes on must not take it for still at work
                break
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE_SECONDS)
        return True

    def _is_too_long(self, more: float = 0.0) -> bool:
        put_at = [datetime.fromisoformat(part["put_at"]) for part in self.parts if part.get("put_at")]
        return bool(put_at) and real_now() - min(put_at) > timedelta(seconds=WAIT_SECONDS + more)

    def _follow(self, part: Part) -> None:
        try:
            status = self._look(part)
        except (AwsThrottledError, AwsUnreachableError):
            return  # it goes on there; the next look may be answered
        except AwsError as error:
            said = self._refused(part, error)
            self._end(part, PartState.FAILED, said if self._halt(part) else f"{said} {UNCONFIRMED}")
            return
        if status == "Complete":
            part["state"] = PartState.DONE
        elif status in logs.ENDED:
            self._end(part, PartState.FAILED, f"AWS ended it: {status.lower()}.")

    def _stop(self, why: str) -> None:
        for part in self._running():
            status, is_halted = "", self._halt(part)
            with suppress(AwsError):
                status = self._look(part)  # what was found until then, and what it cost
            if status == "Complete":
                part["state"] = PartState.DONE
            else:
                is_over = is_halted or status in logs.ENDED
                self._end(part, PartState.STOPPED, why if is_over else f"{why} {UNCONFIRMED}")

    def _halt(self, part: Part) -> bool:
        """Tell AWS to stop a part; whether it says that it did."""
        with suppress(AwsError):
            return logs.stop(self._session(part), part["region"], part["query"])
        return False

    def _look(self, part: Part) -> str:
        """Note what a part found and cost by now; returns AWS's word for its state. Raises AwsError."""
        answer = logs.look(self._session(part), part["region"], part["query"])
        self.found[self.parts.index(part)] = answer.rows
        part["bytes"] = max(part["bytes"], int(answer.bytes_scanned))
        part["matched"] = int(answer.records_matched)
        return answer.status

    def finish(self, *, by: Actor, at: datetime) -> str:
        """Keep the answer and end the run, in one transaction. Raises LeaseLostError."""
        states = {part["state"] for part in self.parts}
        said = [*self.said, *(f"{_where(part, self.accounts)}: {part['said']}" for part in self.parts if part["said"])]
        ranked = (LogRunState.DONE, LogRunState.STOPPED, LogRunState.LOST, LogRunState.FAILED)
        state = next((one for one in ranked if one.value in states), LogRunState.FAILED)
        columns, rows, is_cut = kept_rows([(self._mark(place), found) for place, found in sorted(self.found.items())])
        run = self.run
        with transaction.atomic():
            self._write(
                parts=self.parts, state=state, said=" ".join(said)[:2_000], finished_at=at, **self._figures(),
            )  # fmt: skip
            if self.found:
                body = [run.text, run.starts_at, run.ends_at, self.run.groups, columns, rows]
                digest = hashlib.sha256(orjson.dumps(body)).hexdigest()
                LogAnswer.objects.create(
                    run=run, columns=columns, rows=rows, is_cut=is_cut, digest=digest, fetched_at=at
                )
            touch(run.topic, run.pk)
            record(
                by=by,
                at=at,
                verb=f"monitoring.log_query.{state}",
                obj_kind="monitoring.log_run",
                obj_id=run.pk,
                platform_id=run.platform_id,
                data={"bytes": run.bytes_scanned, "rows": len(rows)},
            )
        return state

    def look_again(self) -> bool:
        """Read once more what was answered when another one looked: only its figures were written down.

        Whether all of it is at hand, or never will be, which the part says then.
        """
        for place, part in enumerate(self.parts):
            if place in self.found or not part["query"] or part["state"] not in (PartState.DONE, PartState.STOPPED):
                continue
            try:
                self._look(part)
            except AwsError as error:
                if isinstance(error, AwsThrottledError | AwsUnreachableError) and not self._is_too_long(READ_SECONDS):
                    return False
                if part["state"] == PartState.STOPPED:
                    self.found[place] = ()
                    self._end(part, PartState.STOPPED, f"{NOTHING_READ} {self._refused(part, error)}")
                else:
                    self._end(part, PartState.LOST, f"{NOT_READ} {self._refused(part, error)}")
        return True

    def _running(self) -> list[Part]:
        return [part for part in self.parts if part["state"] == PartState.RUNNING]

    def _is_stopped(self) -> bool:
        return LogRun.objects.filter(pk=self.run.pk, stop_asked_at__isnull=False).exists()

    def _session(self, part: Part) -> AwsSession:
        return aws_session(self.accounts[part["account"]])

    def _refused(self, part: Part, error: AwsError) -> str:
        name = ", ".join(part["groups"])
        return refusal(Place(self.accounts[part["account"]], part["region"], name), error)

    def _end(self, part: Part, state: PartState, said: str) -> None:
        part["state"], part["said"] = state, f"{part['said']} {said}".strip()

    def _figures(self) -> dict[str, Any]:
        costs = (scan_cost(self.accounts[part["account"]], part["bytes"]) for part in self.parts)
        return {
            "bytes_scanned": sum(part["bytes"] for part in self.parts),
            "records_matched": sum(part["matched"] for part in self.parts),
            "cost_usd": sum(costs, Decimal(0)),
        }

    def _tell(self) -> None:
        self._write(parts=self.parts, **self._figures())
        touch(self.run.topic, self.run.pk)

    def _write(self, **values: Any) -> None:
        held = LogRun.objects.filter(pk=self.run.pk, fence=self.fence, state=LogRunState.RUNNING)
        if not held.update(**values):
            raise LeaseLostError(f"Log run {self.run.pk} is held by another process, or over.")
        for name, value in values.items():
            setattr(self.run, name, value)

    def _mark(self, place: int) -> str:
        """What tells the lines of one place from those of another; nothing where there is only one."""
        return _where(self.parts[place], self.accounts) if len(self.parts) > 1 else ""


def _where(part: Part, accounts: Mapping[int, AwsAccount]) -> str:
    return f"{accounts[part['account']].account_id} {part['region']}"


def kept_rows(found: Sequence[tuple[str, Sequence[Row]]]) -> tuple[list[str], list[list[str]], bool]:
    """Columns, masked rows and whether something was left out, of what each place (its mark, its lines) answered."""
    names = dict.fromkeys(name for _mark, rows in found for row in rows for name in row)
    columns = ["account and region"] if any(mark for mark, _rows in found) else []
    columns += list(names)
    kept: list[list[str]] = []
    size = 0
    for mark, rows in found:
        for row in rows:
            cells = [mask_start(str(row.get(name, "")), MOST_CHARACTERS) for name in names]
            size += sum(map(len, cells))
            if len(kept) >= MOST_ROWS or size > MOST_KEPT:
                return columns, kept, True
            kept.append([mark, *cells] if mark else cells)
    return columns, kept, len(kept) >= MOST_ROWS
