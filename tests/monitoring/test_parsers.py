"""Every parser: its source's own message is understood, and any bytes at all are alerts or a ParseError."""

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitoring.intake import mapping, parsers, sns
from monitoring.intake.alerts import AlertIn, ParseError, moment
from monitoring.intake.mapping import MappingError, checked, rules_of
from monitoring.intake.samples import GENERIC_FIELDS, SAMPLES

KINDS = sorted(SAMPLES)
RAW = {"x-amz-sns-rawdelivery": "true"}
FIELDS = {"generic": GENERIC_FIELDS}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=20,
)


def read(kind: str, body: bytes) -> list[AlertIn]:
    return parsers.parse(kind, body, RAW if kind == "sns" else {}, fields=FIELDS.get(kind, {}))


def _bounded(alerts: list[AlertIn]) -> None:
    """What comes out can be stored."""
    for alert in alerts:
        assert 0 < len(alert.title) <= 240
        assert len(alert.fingerprint) == len(alert.group) == 40
        assert len(alert.dedup) in (0, 40)
        assert len(alert.text) <= 2000
        assert max(len(alert.url), len(alert.arn) * 2) <= 510
        assert len(alert.labels) <= 24
        text = json.dumps([alert.title, alert.text, alert.url, alert.severity, dict(alert.labels)], ensure_ascii=False)
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_message_is_understood(kind: str) -> None:
    (alert,) = read(kind, SAMPLES[kind])
    assert alert.is_firing
    _bounded([alert])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=400))
@example(body=b"")
@example(body=b"{}")
@example(body=b"[" * 5000)
@example(body=b'{"alerts": [{}]}')
@example(body=b'{"a": 1e999}')
@example(body=b'"\xed\xa0\x80"')
@example(body=b"Subject: =?utf-8?b?!!!?=\r\n\r\n")
@example(body=b"Subject: =?nope?q?x?=\r\nDate: 99 99 9999\r\nContent-Type: text/plain; charset=nope\r\n\r\nx")
def test_any_bytes_are_alerts_or_a_parse_error(kind: str, body: bytes) -> None:
    with suppress(ParseError):
        _bounded(read(kind, body))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for key, inner in pairs for way in _leaves(inner, (*path, key)))]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("mail", "statuscake")])
@settings(max_examples=200, deadline=None)
@given(data=st.data(), value=_JSON)
def test_its_own_message_with_anything_in_any_place(kind: str, data: st.DataObject, value: Any) -> None:
    message: Any = json.loads(SAMPLES[kind])
    *way, last = data.draw(st.sampled_from([path for path in _leaves(message) if path]))
    place = message
    for part in way:
        place = place[part]
    place[last] = value
    with suppress(ParseError):
        _bounded(read(kind, json.dumps(message).encode("utf-8", "surrogatepass")))


@settings(max_examples=200, deadline=None)
@given(subject=st.text(max_size=80), text=st.binary(max_size=200), kind=st.sampled_from(["plain", "html", "x"]))
def test_any_mail(subject: str, text: bytes, kind: str) -> None:
    head = f"Subject: {subject}\r\nContent-Type: text/{kind}\r\n\r\n".encode("utf-8", "surrogatepass")
    with suppress(ParseError):
        _bounded(read("mail", head + text))


@settings(max_examples=200, deadline=None)
@given(row=st.dictionaries(st.sampled_from(["Type", "Message", "MessageId", "TopicArn", "Timestamp"]), _JSON))
def test_any_envelope(row: dict[str, Any]) -> None:
    with suppress(ParseError):
        _bounded(sns.parse(json.dumps(row).encode("utf-8", "surrogatepass"), {}))


@settings(max_examples=200, deadline=None)
@given(fields=_JSON, rules=_JSON)
def test_any_mapping_is_checked_before_it_is_used(fields: Any, rules: Any) -> None:
    with suppress(MappingError, ParseError):
        found = checked({"fields": fields, "rules": rules})
        assert len(rules_of(found)) == len(found.get("rules", []))
        _bounded(mapping.parse(SAMPLES["generic"], found.get("fields", {})))


@pytest.mark.parametrize("value, said", [
    ("2026-03-10T09:00:00.123456789Z", "2026-03-10 09:00:00.123456+00:00"),
    ("2026-03-10T09:00:00.000+0000", "2026-03-10 09:00:00+00:00"),
    ("2026-03-10T10:00:00+01:00", "2026-03-10 09:00:00+00:00"),
    (1773133200, "2026-03-10 09:00:00+00:00"),
    (1773133200000, "2026-03-10 09:00:00+00:00"),
    ("0001-01-01T00:00:00Z", "None"),
    (True, "None"),
    (1e400, "None"),
    ("tomorrow", "None"),
])  # fmt: skip
def test_times_as_sources_write_them(value: Any, said: str) -> None:
    assert str(moment(value)) == said


def test_firing_and_resolved_of_alertmanager_are_two_events_of_one_subject() -> None:
    message: Any = orjson.loads(SAMPLES["alertmanager"])
    (fired,) = read("alertmanager", orjson.dumps(message))
    message["alerts"][0] |= {"status": "resolved", "endsAt": "2026-03-10T09:10:00Z"}
    (over,) = read("alertmanager", orjson.dumps(message))
    assert fired.fingerprint == over.fingerprint
    assert fired.dedup != over.dedup
    assert (fired.is_firing, over.is_firing) == (True, False)


def test_an_alarm_by_sns_and_by_eventbridge_is_one_event() -> None:
    (by_sns,), (by_event,) = read("sns", SAMPLES["sns"]), read("eventbridge", SAMPLES["eventbridge"])
    assert by_sns.dedup == by_event.dedup


@pytest.mark.parametrize("subject, is_firing, about", [
    ("[FIRING:2] Queue is long", True, "Queue is long"),
    ("[RESOLVED] Queue is long", False, "Queue is long"),
    ('ALARM: "Database" in US East (N. Virginia)', True, '"Database" in US East (N. Virginia)'),
    ('OK: "Database" in US East (N. Virginia)', False, '"Database" in US East (N. Virginia)'),
    ("Backup failed", True, "Backup failed"),
    ("Heads up: orders are slow", True, "Heads up: orders are slow"),
    ("Follow up: disk 95 %", True, "Follow up: disk 95 %"),
    ("Orders are slow, heads up", True, "Orders are slow, heads up"),
    ("web-1 not ok", True, "web-1 not ok"),
    ("web-1 is not back up", True, "web-1 is not back up"),
    ("web-1 is OK", False, "web-1 is"),
    ("web-1 UP", False, "web-1"),
    ("[RESOLVED] Orders not read", False, "Orders not read"),
])  # fmt: skip
def test_what_a_mail_s_subject_says(subject: str, is_firing: bool, about: str) -> None:
    (alert,) = read("mail", f"Subject: {subject}\r\n\r\n".encode())
    (plain,) = read("mail", f"Subject: {about}\r\n\r\n".encode())
    assert alert.is_firing is is_firing
    assert alert.fingerprint == plain.fingerprint


def test_a_state_nobody_explained_is_told() -> None:
    with pytest.raises(ParseError, match="maybe is no state"):
        mapping.parse(b'{"t": "x", "s": "maybe"}', {"title": "t", "state": "s"})
    (alert,) = mapping.parse(b'{"t": "x", "s": "maybe"}', {"title": "t", "state": "s", "resolved": ["maybe"]})
    assert not alert.is_firing
