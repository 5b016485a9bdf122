"""`python -m benchmarks.replay PORT`: answers GetMetricData over HTTP from answers it has put together once.

One answer per number of queries, period and time; asked again it is replayed byte by byte, so that the stub costs next
to nothing beside the client that is measured.
"""

import sys
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

_answers: dict[tuple[int, int, int, int], bytes] = {}


def _stamp(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else int(datetime.fromisoformat(value).timestamp())


def figure(query: int, at: int) -> float:
    """The value of one query at one time; nothing about it is round."""
    return (query * 7919 + at // 60 * 104_729) % 1_000_003 / 997


def answer_to(body: bytes) -> bytes:
    """The whole answer on one page."""
    asked = orjson.loads(body)
    queries = asked["MetricDataQueries"]
    start, end = _stamp(asked["StartTime"]), _stamp(asked["EndTime"])
    key = (len(queries), int(queries[0]["MetricStat"]["Period"]), start, end)
    if key not in _answers:
        times = list(range(start, end, key[1]))
        results = [
            {
                "Id": f"m{number}",
                "Label": "Load",
                "Timestamps": times,
                "Values": [figure(number, at) for at in times],
                "StatusCode": "Complete",
            }
            for number in range(len(queries))
        ]
        _answers[key] = orjson.dumps({"MetricDataResults": results, "Messages": []})
    return _answers[key]


class Handler(BaseHTTPRequestHandler):
    """Keeps the connection open, as AWS does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        answer = answer_to(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
