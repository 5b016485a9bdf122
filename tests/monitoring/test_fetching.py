"""Reading answers: what is kept, what is refused, and who spoils whose answer."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitoring.collector import fetch as fetching
from monitoring.collector.fetch import REJECTED, TIME_OVER, Fetched, Question, blocks_of, fetch
from monitoring.models import Series
from opsportal.aws.cloudwatch import MetricQuery, MetricResult
from opsportal.aws.errors import AwsRejectedError
from opsportal.aws.session import AwsAccount as AwsSession

SESSION = AwsSession("111111111111", ("us-east-1",))
MINUTE = timedelta(minutes=1)


def series(pk: int, name: str = "Load", last_status: str = "") -> Series:
    return Series(pk=pk, namespace="N", name=name, stats=["Sum"], last_status=last_status)


def question(at: datetime, minutes: int = 5, *, seconds: float = 60.0, taken: list[int] | None = None) -> Question:
    pace = (taken if taken is not None else []).append
    return Question(SESSION, "us-east-1", 60, at - minutes * MINUTE, at, pace, time.monotonic() + seconds)


def answering(monkeypatch: pytest.MonkeyPatch, points: Any) -> list[list[str]]:
    """Let CloudWatch answer each query by `points(query) -> (times, values[, status])`; returns what was asked."""
    asked: list[list[str]] = []

    def answer(*_who: Any, **_when: Any) -> list[MetricResult]:
        queries: Sequence[MetricQuery] = _who[2]
        _when["before_page"]()
        asked.append([query.name for query in queries])
        bad = [query for query in queries if query.name == "bad"]
        if bad:
            raise AwsRejectedError(what="w", permission="p", code="ValidationError", detail="no such statistic")
        found = []
        for query in queries:
            times, values, *status = points(query)
            found.append(MetricResult(query.key, list(times), list(values), status[0] if status else "Complete"))
        return found

    monkeypatch.setattr(fetching, "metric_data", answer)
    return asked


def stamps(at: datetime, *minutes: int) -> list[int]:
    return [int((at + n * MINUTE).timestamp()) for n in minutes]


def ask(at: datetime, *rows: Series) -> Fetched:
    return fetch(question(at), [(one, one.stats) for one in rows])


def test_a_datapoint_of_the_future_is_refused_and_counted(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    early, odd = stamps(at, -2, -1), stamps(at, -2, 3)
    answering(monkeypatch, lambda query: (odd, [1, 2]) if query.name == "odd" else (early, [3, 4]))
    found = ask(at, series(1), series(2), series(3, "odd"))
    assert (found.refused, found.points) == (1, 5)
    assert found.complete == [1, 2, 3]
    assert "1 datapoints outside" in found.error


def test_when_most_series_answer_for_other_times_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    answering(monkeypatch, lambda query: ([], []) if query.name == "none" else (stamps(at, -1, 6), [1, 2]))
    found = ask(at, series(1), series(2), series(3, "none"))
    assert (found.points, found.complete, found.refused) == (0, [], 2)
    assert set(found.status.values()) == {"wrong time"}


def test_what_is_no_number_or_no_whole_period_is_refused(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    times = [*stamps(at, -3, -2), stamps(at, -1)[0] + 7]
    sound = (stamps(at, -1), [5])
    answering(monkeypatch, lambda query: (times, [float("nan"), 1, 2]) if query.name == "odd" else sound)
    found = ask(at, series(1, "odd"), series(2), series(3))
    assert (found.points, found.refused) == (3, 2)
    assert found.blocks[0] == (1, stamps(at, -2), {"sum": [1]})


def test_unordered_and_repeated_datapoints_are_put_right(at: datetime) -> None:
    second, first = stamps(at, -1, -2)
    blocks = blocks_of(7, [("sum", [second, first, second], [1.0, 2.0, 3.0]), ("n", [first], [9.0])])
    rows = {
        when: {name: values[n] for name, values in one.columns.items()}
        for one in blocks
        for n, when in enumerate(one.times)
    }
    assert rows == {first: {"sum": 2.0, "n": 9.0}, second: {"sum": 3.0}}


def test_one_query_that_aws_refuses_does_not_spoil_the_others(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    asked = answering(monkeypatch, lambda _query: (stamps(at, -1), [1]))
    rows = [series(n) for n in range(1, 12)] + [series(12, "bad")]
    found = ask(at, *rows)
    assert found.complete == list(range(1, 12))
    assert found.status[12] == f"{REJECTED}ValidationError"
    assert found.metrics_billed == 11
    asked.clear()
    rows[-1] = series(12, "bad", last_status=found.status[12])
    assert ask(at, *rows).complete == list(range(1, 12))
    assert [len(names) for names in asked] == [11, 1]  # from then on it is asked by itself


def test_partial_answers_are_kept_but_prove_nothing(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    answering(monkeypatch, lambda query: (stamps(at, -1), [1], "PartialData" if query.name == "cut" else "Complete"))
    found = ask(at, series(1), series(2, "cut"))
    assert (found.points, found.complete, found.status[2]) == (2, [1], "PartialData")


def test_after_its_time_a_pass_begins_no_new_request(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    asked = answering(monkeypatch, lambda _query: ([], []))
    late = fetch(question(at, seconds=-1), [(series(1), ["Sum"])])
    assert (asked, late.complete, late.status) == ([], [], {})
    assert (late.stopped, late.error) == (True, TIME_OVER)


def test_each_request_takes_as_many_points_as_it_may_bring(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    answering(monkeypatch, lambda _query: ([], []))
    taken: list[int] = []
    fetch(question(at, taken=taken), [(series(n), ["Sum", "SampleCount"]) for n in range(300)])
    assert taken == [500 * 5, 100 * 5]
