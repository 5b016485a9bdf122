"""Deployments as tools tell of them: parsers, proof of the sender, order, rollback, figures, page, API (M-MET-01)."""

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitoring.intake.alerts import ParseError
from monitoring.intake.deployments.parsers import PARSERS
from monitoring.intake.deployments.samples import DEPLOYMENTS, PLAIN
from monitoring.intake.deployments.told import STATES, STRATEGIES, Told
from monitoring.intake.sns import ForgedError
from monitoring.models import AlertSource, Deployment, InboundMessage
from monitoring.services import inbound, senders
from monitoring.services.alert_sources import source_rotate, source_test
from monitoring.services.inbound import inbound_judge, message_replay
from monitoring.services.marks import deployment_put
from monitoring.services.senders import secret_of
from opsportal.accounts.models import User
from opsportal.core.clock import now, real_now
from opsportal.platforms.models import Environment, Platform
from tests.factories.accounts import token_persona
from tests.factories.intake import BY, post, source_of

ClientFor = Callable[..., Client]
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KINDS = sorted(PARSERS)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=20,
)


def _bounded(rows: list[Told]) -> None:
    """What comes out can be stored."""
    for row in rows:
        assert 0 < len(row.external_id) <= 120
        assert 0 < len(row.label) <= 160
        assert row.state in STATES
        assert row.strategy in ("", *STRATEGIES)
        assert max(len(row.service), len(row.environment)) <= 60
        assert len(row.detail) <= 240
        assert len(row.url) <= 500
        text = json.dumps([row.external_id, row.label, row.detail, row.url, row.service], ensure_ascii=False)
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("kind, label, strategy", [
    ("argocd", "2.4.0 a10867b14bb7", "rolling"),
    ("codedeploy", "web d-123456789", "blue_green"),
    ("codepipeline", "web 01234567", ""),
    ("deployment", "2.4.0", "blue_green"),
    ("github", "v2.4.0", "canary"),
    ("gitlab", "v2.4.0", ""),
])  # fmt: skip
def test_its_own_message_is_understood(kind: str, label: str, strategy: str) -> None:
    (row,) = PARSERS[kind](DEPLOYMENTS[kind], {})
    assert (row.label, row.state, row.strategy, row.service, row.at) == (label, "completed", strategy, "web", AT)
    _bounded([row])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=300) | st.builds(lambda value: json.dumps(value).encode(), _JSON))
@example(body=b"")
@example(body=b"[" * 5000)
@example(body=b'{"deployments": [{"id": true}]}')
@example(body=b'{"id": "\\ud800", "version": "\\u0000", "outcome": "failed"}')
def test_any_bytes_are_deployments_or_a_parse_error(kind: str, body: bytes) -> None:
    with suppress(ParseError):
        _bounded(PARSERS[kind](body, {}))


def _ways(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for key, inner in pairs for way in _ways(inner, (*path, key)))]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, deadline=None)
@given(data=st.data(), value=_JSON)
def test_its_own_message_with_anything_in_any_place(kind: str, data: st.DataObject, value: Any) -> None:
    message: Any = json.loads(DEPLOYMENTS[kind])
    *way, last = data.draw(st.sampled_from([path for path in _ways(message) if path]))
    place = message
    for part in way:
        place = place[part]
    place[last] = value
    with suppress(ParseError):
        _bounded(PARSERS[kind](json.dumps(message).encode("utf-8", "surrogatepass"), {}))


@pytest.mark.parametrize("kind, headers, change", [
    ("github", {"x-github-event": "ping"}, {}),
    ("github", {"x-github-event": "push"}, {}),
    ("gitlab", {}, {"object_kind": "pipeline"}),
    ("github", {}, {"deployment_status": {"state": "inactive"}}),
])  # fmt: skip
def test_what_tells_of_no_outcome_is_none(kind: str, headers: dict[str, str], change: dict[str, Any]) -> None:
    message = json.loads(DEPLOYMENTS[kind]) | change
    assert PARSERS[kind](json.dumps(message).encode(), headers) == []


def sent(path: str, **values: Any) -> InboundMessage:
    """The plain message with these values, posted and judged when it is received."""
    assert post(path, PLAIN | values).status_code == 200
    inbound_judge(at=now())
    return InboundMessage.objects.latest("pk")


def signed(source: AlertSource, body: bytes, secret: str = "") -> dict[str, str]:
    digest = hmac.new((secret or secret_of(source)).encode(), body, hashlib.sha256).hexdigest()
    return {"X_Hub_Signature_256": f"sha256={digest}", "X_GitHub_Event": "deployment_status"}


@pytest.mark.django_db
@pytest.mark.parametrize("headers, body, reason", [
    ("none", "same", "does not fit"),
    ("wrong secret", "same", "does not fit"),
    ("right", "changed", "does not fit"),
    ("sha1", "same", "does not fit"),
    ("right", "same", ""),
])  # fmt: skip
def test_only_githubs_own_signature_over_this_very_body_counts(
    platform: Platform, headers: str, body: str, reason: str
) -> None:
    source, path = source_of(platform, at=now(), kind="github")
    sample = DEPLOYMENTS["github"]
    proofs = {
        "none": {},
        "wrong secret": signed(source, sample, "guess"),
        "sha1": {"X_Hub_Signature_256": "sha1=" + hmac.new(b"x", sample, hashlib.sha1).hexdigest()},
        "right": signed(source, sample),
    }
    assert post(path, (sample if body == "same" else sample + b" ").decode(), **proofs[headers]).status_code == 200
    inbound_judge(at=now())
    message = InboundMessage.objects.get()
    assert message.verdict == ("refused" if reason else "accepted")
    assert reason in message.reason
    assert Deployment.objects.count() == (not reason)


@pytest.mark.django_db
def test_gitlabs_token_is_known_and_never_kept(platform: Platform) -> None:
    source, path = source_of(platform, at=now(), kind="gitlab")
    body = DEPLOYMENTS["gitlab"].decode()
    for token in ("guess", "", secret_of(source)):
        post(path, body, **({"X_Gitlab_Token": token} if token else {}))
    inbound_judge(at=now())
    verdicts = InboundMessage.objects.order_by("pk").values_list("verdict", flat=True)
    assert list(verdicts) == ["refused", "refused", "accepted"]
    assert secret_of(source) not in json.dumps(list(InboundMessage.objects.values_list("headers", flat=True)))
    assert secret_of(source) not in source.secret


@pytest.mark.django_db
def test_the_secret_before_works_for_a_day_after_a_new_one(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = source_of(platform, at=now(), kind="github")
    before, body = secret_of(source), DEPLOYMENTS["github"]
    source_rotate(by=BY, at=now(), source=source, expected=1)
    source.refresh_from_db()
    assert secret_of(source) != before
    senders.require_sender(source, body, {"x-hub-signature-256": signed(source, body, before)["X_Hub_Signature_256"]})
    later = real_now() + timedelta(hours=25)
    monkeypatch.setattr(senders, "real_now", lambda: later)
    with pytest.raises(ForgedError):
        senders.require_sender(
            source, body, {"x-hub-signature-256": signed(source, body, before)["X_Hub_Signature_256"]}
        )


@pytest.mark.django_db
def test_a_deployment_is_one_row_whatever_comes_twice_late_or_is_judged_again(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    assert sent(path, outcome="in_progress", at="2026-03-10T08:50:00Z").verdict == "accepted"
    assert sent(path).alerts == 1
    again = sent(path)
    assert (again.verdict, again.repeats) == ("repeat", 1)
    assert sent(path, outcome="in_progress", at="2026-03-10T08:55:00Z").verdict == "repeat"
    row = Deployment.objects.get()
    assert (row.state, row.started_at, row.finished_at) == ("completed", AT - 10 * MINUTE, AT)
    assert (row.service is not None and row.service.key, row.strategy) == ("web", "blue_green")
    version = row.version
    message_replay(by=BY, at=now(), message=again)
    inbound_judge(at=now())
    assert InboundMessage.objects.latest("pk").verdict == "repeat"
    row.refresh_from_db()
    assert row.version == version


@pytest.mark.django_db
def test_the_first_word_may_come_last(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path)
    sent(path, outcome="in_progress", at="2026-03-10T08:50:00Z")
    row = Deployment.objects.get()
    assert (row.state, row.started_at, row.finished_at) == ("completed", AT - 10 * MINUTE, AT)


@pytest.mark.django_db
def test_a_rollback_marks_what_it_undid_and_is_no_change_of_its_own(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path, id="1", at="2026-03-10T07:00:00Z")
    sent(path, id="2", at="2026-03-10T08:00:00Z")
    sent(path, id="3", at="2026-03-10T08:20:00Z", rollback=True)
    sent(path, id="2", at="2026-03-10T08:30:00Z")  # its tool goes on about the old run
    states = dict(Deployment.objects.values_list("external_id", "state"))
    assert states == {"own:1": "completed", "own:2": "rolled_back", "own:3": "completed"}
    assert list(Deployment.objects.counted().order_by("pk").values_list("external_id", flat=True)) == ["own:1", "own:2"]


@pytest.mark.django_db
def test_a_rollback_heard_of_before_the_end_of_what_it_undid_marks_it_all_the_same(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path, id="3", at="2026-03-10T08:20:00Z", rollback=True)
    sent(path, id="2", at="2026-03-10T08:00:00Z")
    sent(path, id="4", at="2026-03-10T08:10:00Z", service="")
    states = dict(Deployment.objects.values_list("external_id", "state"))
    assert states == {"own:2": "rolled_back", "own:3": "completed", "own:4": "completed"}


@pytest.mark.django_db
def test_a_rollback_marks_neither_a_strangers_row_nor_ecs_own(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path, id="1", at="2026-03-10T07:00:00Z", service="", environment="")
    sent(path, id="2", at="2026-03-10T07:10:00Z", service="", environment="", rollback=True)
    sent(path, id="3", at="2026-03-10T08:00:00Z", environment="")
    for key, minute, is_restart in (("ecs-svc/1", 1, False), ("own:hand", 2, True)):
        deployment_put(
            by=BY, at=AT, platform=platform, service=platform.services.get(key="web"), external_id=key, label="web:7",
            state="completed", started_at=AT + (minute - 60) * MINUTE, is_restart=is_restart,
        )  # fmt: skip
    sent(path, id="4", at="2026-03-10T08:20:00Z", environment="", rollback=True)
    undone = Deployment.objects.filter(state="rolled_back")
    assert list(undone.values_list("external_id", flat=True)) == ["own:3"]


@pytest.mark.django_db
@pytest.mark.parametrize("word, counts", [("production", 1), ("", 1), ("prod", 1), ("staging", 0), ("Rehearsal", 0)])
def test_what_is_no_production_counts_in_no_figure(platform: Platform, word: str, counts: int) -> None:
    Environment.objects.create(platform=platform, key="rehearsal", name="Rehearsal", is_production=False)
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path, environment=word)
    assert (Deployment.objects.count(), Deployment.objects.counted().count()) == (1, counts)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["codedeploy", "codepipeline"])
@pytest.mark.parametrize("is_production", [True, False])
def test_where_a_tool_names_no_environment_it_is_the_services(
    platform: Platform, kind: str, is_production: bool
) -> None:
    Environment.objects.filter(services__key="web", platform=platform).update(is_production=is_production)
    _, path = source_of(platform, at=now(), kind=kind)
    post(path, DEPLOYMENTS[kind].decode())
    post(
        path,
        DEPLOYMENTS[kind]
        .decode()
        .replace('"web"', '"nobody knows it"')
        .replace("0123", "9876")
        .replace("d-12", "d-98"),
    )
    inbound_judge(at=now())
    stands = dict(Deployment.objects.values_list("service__key", "is_production"))
    assert stands == {"web": is_production, None: True}


@pytest.mark.django_db
def test_an_execution_that_was_overtaken_never_went_out(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="codepipeline")
    post(path, DEPLOYMENTS["codepipeline"].decode().replace("SUCCEEDED", "SUPERSEDED"))
    inbound_judge(at=now())
    row = Deployment.objects.get()
    assert (row.state, row.kind, Deployment.objects.counted().count()) == ("overtaken", "off", 0)
    deployment_put(
        by=BY, at=AT, platform=platform, service=platform.services.get(key="web"), external_id="ecs-svc/7",
        label="web:7", state="completed", started_at=AT + MINUTE,
    )  # fmt: skip
    assert Deployment.objects.counted().get().external_id == "ecs-svc/7"  # what really went out is not hidden by it


@pytest.mark.django_db
def test_a_sync_by_argocd_of_what_is_out_is_a_restart(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="argocd")
    sample = DEPLOYMENTS["argocd"].decode()
    for day, revision in (("06", "a10867b1"), ("07", "a10867b1"), ("08", "bbbbbbbb"), ("09", "a10867b1")):
        post(path, sample.replace("2026-03-10", f"2026-03-{day}").replace("a10867b1", revision))
        inbound_judge(at=now())
    rows = Deployment.objects.order_by("started_at").values_list("is_restart", flat=True)
    assert list(rows) == [False, True, False, False]
    assert Deployment.objects.counted().count() == 3


@pytest.mark.django_db
def test_what_is_said_again_ended_when_it_ended(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path)
    sent(path, at="2026-03-10T09:30:00Z", detail="All checks passed")
    row = Deployment.objects.get()
    assert (row.finished_at, row.detail) == (AT, "All checks passed")


@pytest.mark.django_db
@pytest.mark.parametrize("minute, counted", [(-1, 2), (1, 1), (19, 1), (21, 2)])
def test_what_ecs_does_for_a_tool_counts_once(platform: Platform, minute: int, counted: int) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path, outcome="in_progress", at="2026-03-10T08:50:00Z")
    sent(path)
    deployment_put(
        by=BY, at=AT, platform=platform, service=platform.services.get(key="web"), external_id="ecs-svc/7",
        label="web:7", state="completed", started_at=AT + (minute - 10) * MINUTE,
    )  # fmt: skip
    assert Deployment.objects.counted().count() == counted


@pytest.mark.django_db
def test_a_tools_staging_deployment_hides_no_production_one_of_ecs(platform: Platform) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path, environment="staging")
    deployment_put(
        by=BY, at=AT, platform=platform, service=platform.services.get(key="web"), external_id="ecs-svc/7",
        label="web:7", state="completed", started_at=AT + MINUTE,
    )  # fmt: skip
    assert list(Deployment.objects.counted().values_list("external_id", flat=True)) == ["ecs-svc/7"]


@pytest.mark.django_db
def test_a_sample_is_understood_and_counts_nowhere(platform: Platform) -> None:
    for kind in KINDS:
        source, _ = source_of(platform, at=now(), kind=kind)
        source_test(by=BY, at=now(), source=source)
    inbound_judge(at=now())
    assert set(InboundMessage.objects.values_list("verdict", flat=True)) == {"accepted"}
    assert all("A try: understood as" in one for one in InboundMessage.objects.values_list("reason", flat=True))
    assert not Deployment.objects.exists()


@pytest.mark.django_db
def test_a_batch_that_dies_leaves_nothing_half(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = source_of(platform, at=now(), kind="deployment")
    post(path, PLAIN)

    def died(name: str) -> None:
        if name == "monitoring.intake.applied":
            raise SystemExit(9)

    monkeypatch.setattr(inbound, "failpoint", died)
    with pytest.raises(SystemExit):
        inbound_judge(at=now())
    assert (Deployment.objects.count(), InboundMessage.objects.get().verdict) == (0, "waiting")


@pytest.mark.django_db
def test_the_settings_show_link_and_secret_once_and_the_page_lists(
    admin: User, client_for: ClientFor, platform: Platform
) -> None:
    client = client_for(admin)
    made = client.post(
        reverse("monitoring:alert-source-new", args=["shop"]), {"kind": "github", "name": "Our GitHub"}
    ).content.decode()
    source = AlertSource.objects.get()
    assert secret_of(source) in made
    page = client.get(reverse("monitoring:alert-source", args=[source.pk])).content.decode()
    assert secret_of(source) not in page
    assert "Preview" not in page
    _, path = source_of(platform, at=now(), kind="deployment")
    sent(path, version="9.9.9", environment="staging", rollback=True)
    listed = client.get(reverse("monitoring:deployments")).content.decode()
    assert all(word in listed for word in ("9.9.9", "staging", "rollback", "blue-green"))
    assert "9.9.9" not in client.get(reverse("monitoring:deployments"), {"state": "failed"}).content.decode()
    assert "9.9.9" in client.get(reverse("monitoring:deployments"), {"service": "web"}).content.decode()
    assert "9.9.9" not in client.get(reverse("monitoring:deployments"), {"service": "db"}).content.decode()


@pytest.mark.django_db
def test_the_api_reports_and_lists(admin: User, client_for: ClientFor, platform: Platform) -> None:
    client = client_for(token_persona(admin, "monitoring:read", "deployment:write"))
    body = {"platform": "shop", "id": "b-7", "version": "2.4.0", "state": "in_progress", "service": "web"}
    made = client.post("/api/v1/deployments/", body, "application/json")
    assert (made.status_code, made.json()["external_id"], made.json()["source_name"]) == (201, "api:b-7", None)
    ended = client.post("/api/v1/deployments/", body | {"state": "failed", "strategy": "canary"}, "application/json")
    assert (ended.json()["id"], ended.json()["state"]) == (made.json()["id"], "failed")
    assert client.post("/api/v1/deployments/", body | {"state": "fine"}, "application/json").status_code == 400
    listed = client.get("/api/v1/deployments/", {"platform": "shop", "service": "web", "state": "failed"}).json()
    assert [row["label"] for row in listed["results"]] == ["2.4.0"]
    assert client.get("/api/v1/deployments/", {"service": "db"}).json()["results"] == []
