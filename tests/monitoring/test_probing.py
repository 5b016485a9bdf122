"""What a probe asks and what its answers mean, without rows (M-MET-15)."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.probing.asking import Outcome, ProbeError, Question, ask, check_question, host_port, status_ranges
from monitoring.probing.verdict import verdict
from opsportal.targets.database import DatabaseTarget

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {"/health": (200, b"all is well"), "/broken": (503, b"no")}.get(self.path, (302, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture
def shop(settings: object) -> Iterator[str]:
    settings.TARGET_NETWORKS = {"health_probe": ["127.0.0.0/8"]}  # type: ignore[attr-defined]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def asked(**values: object) -> Outcome:
    return ask(Question(**values), at=AT)  # type: ignore[arg-type]


def test_a_status_and_a_text_are_looked_for(shop: str) -> None:
    fine = asked(kind="http", address=f"http://{shop}/health", body_text="is well")
    assert (fine.ok, fine.said, fine.ms is not None) == (True, "HTTP 200", True)
    wrong = asked(kind="http", address=f"http://{shop}/health", body_text="is ill")
    assert (wrong.ok, wrong.said) == (False, "HTTP 200, but “is ill” does not stand in the answer.")
    down = asked(kind="http", address=f"http://{shop}/broken")
    assert (down.ok, down.said) == (False, "HTTP 503; 200-299 is expected.")
    assert asked(kind="http", address=f"http://{shop}/broken", statuses="200, 500-599").ok is True


def test_a_redirect_is_an_answer_and_not_followed(shop: str) -> None:
    assert asked(kind="http", address=f"http://{shop}/elsewhere").said == "HTTP 302; 200-299 is expected."
    assert asked(kind="http", address=f"http://{shop}/elsewhere", statuses="302").ok is True


def test_a_certificate_that_is_wanted_must_be_shown(shop: str) -> None:
    found = asked(kind="http", address=f"http://{shop}/health", cert_days=14)
    assert (found.ok, found.said) == (False, "No certificate was shown.")


def test_a_port_answers_or_not(shop: str) -> None:
    assert asked(kind="tcp", address=shop).ok is True
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        closed = asked(kind="tcp", address=f"127.0.0.1:{held.getsockname()[1]}", seconds=2)
    assert closed.ok is False
    assert closed.ms is not None  # what was waited for nothing counts as a latency
    assert asked(kind="tls", address=shop, seconds=2).ok is False


@pytest.mark.parametrize("kind", ["http", "tcp", "tls"])
def test_what_may_not_be_asked_is_neither_up_nor_down(settings: object, kind: str) -> None:
    settings.TARGET_NETWORKS = {"probe": ["127.0.0.0/8"]}  # type: ignore[attr-defined]
    address = "http://127.0.0.1:9/" if kind == "http" else "127.0.0.1:9"
    found = asked(kind=kind, address=address)
    assert found.ok is None
    assert "health_probe allows no other" in found.said


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.example.com"])
@pytest.mark.parametrize("kind", ["http", "tcp", "tls"])
def test_a_name_that_no_resolver_takes_is_an_answer_and_no_error(kind: str, host: str) -> None:
    found = asked(kind=kind, address=f"http://{host}/" if kind == "http" else f"{host}:443", seconds=2)
    assert found.ok is False
    assert found.said


def test_a_database_without_its_variable_is_not_asked() -> None:
    found = asked(kind="database", target=DatabaseTarget(dsn_env="NO_SUCH_DSN"))
    assert (found.ok, found.said) == (None, "Not asked: The variable NO_SUCH_DSN is not set.")


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "http", "address": "ftp://shop.example.com"},
        {"kind": "http", "address": "http://[x"},
        {"kind": "http", "address": "https://shop.example.com:99999/"},
        {"kind": "http", "address": "https://me:secret@shop.example.com/"},
        {"kind": "http", "address": "https://shop.example.com/", "statuses": "299-200"},
        {"kind": "http", "address": "https://shop.example.com/", "statuses": "ok"},
        {"kind": "tcp", "address": "shop.example.com"},
        {"kind": "tcp", "address": "shop.example.com:99999"},
        {"kind": "tls", "address": "shop.example.com:443/path"},
        {"kind": "database"},
    ],
)
def test_what_can_never_be_asked_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ProbeError):
        check_question(Question(**values))  # type: ignore[arg-type]


def test_an_address_of_six_groups_keeps_its_port() -> None:
    assert host_port("[2001:db8::1]:8443") == ("2001:db8::1", 8443)
    assert status_ranges("200-204 401") == [(200, 204), (401, 401)]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    readings: list[object] = []
    for read in (host_port, status_ranges):
        with suppress(ProbeError):
            readings.append(read(text))
    assert all(readings)


@pytest.mark.parametrize(
    "answers, before, after",
    [
        ([True, True, True], "unknown", "ok"),
        ([True, False, False], "ok", "alarm"),
        ([False, True, False], "ok", "alarm"),
        ([None, None, False], "ok", "ok"),
        ([None, None, False], "unknown", "unknown"),
        ([None, False, False], "unknown", "alarm"),
        ([None, True, True], "alarm", "ok"),
        ([None, None, True], "alarm", "alarm"),
        ([None, None, None], "alarm", "unknown"),
        ([None, None, None], "ok", "unknown"),
    ],
)
def test_two_of_three(answers: list[bool | None], before: str, after: str) -> None:
    assert verdict(answers, 2, before) == after


@given(
    st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=8),
    st.integers(1, 8),
    st.sampled_from(["ok", "alarm", "unknown"]),
)
def test_what_did_not_run_never_decides(answers: list[bool | None], needed: int, before: str) -> None:
    needed = min(needed, len(answers))
    after = verdict(answers, needed, before)
    best = [True if one is None else one for one in answers].count(False)
    worst = [False if one is None else one for one in answers].count(False)
    if after == "alarm" and before != "alarm":
        assert best >= needed
    if after == "ok" and before != "ok":
        assert worst < needed
