"""Lines on timelines: everyone on one incident, and spread over many."""

from itertools import cycle
from urllib.parse import urlencode

from benchmarks.load import Request, measure, request
from benchmarks.pages import CONNECTIONS, PEOPLE, SESSION, VERSION, Bench, bench, get, rounds
from benchmarks.targets import Result
from tests.faults.outage import CSRF

# Healthchecks' ping, which signs nobody in, is 1.4 times slower than a tick has to be (targets 3 and 4): of the
# session-only page a tick must reach 0.45.
APPEND = 0.45 / 1.4 * 1.9
ONE_OF_SPREAD = 0.5
OPEN = "SELECT number, id FROM incidents_incident WHERE state = 'open' ORDER BY number DESC LIMIT 32"
GAPS = (
    "SELECT count(*) FROM"
    " (SELECT incident_id, max(number) AS last, count(*) AS lines, count(DISTINCT number) AS numbers"
    " FROM incidents_timelineentry GROUP BY incident_id) t WHERE last <> lines OR lines <> numbers"
)


def _writer(portal: Bench, numbers: list[int]) -> Request:
    """One line after the other, on each incident in turn."""
    client = portal.browser()
    answer = client.get(f"/incidents/{numbers[0]}/")
    token, version = CSRF.search(answer.text), VERSION.search(answer.text)
    assert token, answer
    assert version, answer
    cookies = f"{portal.cookies()}; csrftoken={client.cookies['csrftoken']}"
    body = urlencode(
        {"csrfmiddlewaretoken": token.group(1), "text": "p95 is back at 180 ms", "version": version.group(1)}
    )
    lines = cycle([request("POST", f"/incidents/{number}/log/", cookies, body) for number in numbers])
    return lambda: next(lines)


def timeline(seconds: float) -> list[Result]:
    """Lines by 32 connections, each with session, CSRF, gate, number, entry, audit, live event and fsync."""
    with bench() as portal:
        numbers = [number for number, _ in portal.rows(OPEN)]
        one, many = _writer(portal, numbers[:1]), _writer(portal, numbers)
        session = get(portal, SESSION)
        narrow, spread, page = rounds(portal, seconds, one, many, session, connections=PEOPLE)
        calm = measure(portal.port, one, connections=CONNECTIONS, seconds=seconds, pause=0.5)
        assert narrow.statuses | spread.statuses | calm.statuses <= {302, 303}, (narrow, spread, calm)
        broken = portal.one(GAPS)
    note = (
        f"{spread.per_second:.0f}/s spread, {narrow.per_second:.0f}/s on one, session-only page {page.per_second:.0f}/s"
    )
    return [
        Result("line against the session-only page", spread.per_second / page.per_second, APPEND, note=note),
        Result(
            f"{PEOPLE} writers on one incident, against spread over {len(numbers)}",
            narrow.per_second / spread.per_second,
            ONE_OF_SPREAD,
            note=f"p95 {narrow.p95_ms:.0f} ms, {CONNECTIONS} people with a line each half second {calm.p95_ms:.0f} ms",
        ),
        Result("timelines with a gap or a number twice", broken, 0, "", at_most=True),
    ]
