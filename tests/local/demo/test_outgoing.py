"""What the simulated shops send: a signed message for each change, believed here only; a beat that a fault silences."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from django.test import Client, override_settings

from incidents.loops import claim_alarms
from incidents.models import AlarmClaim, Incident
from monitoring.intake.certificates import SigningKeys
from monitoring.intake.sns import ForgedError, SignerUnreachableError
from monitoring.models import Alarm, AlarmOrigin, Alert, Heartbeat, InboundMessage, SnsTopic
from monitoring.services.inbound import inbound_judge
from monitoring.services.topics import topics_confirm
from opsportal.core.clock import now
from opsportal.local import signing
from opsportal.local.aws.alarms import AlarmBook
from opsportal.local.aws.authority import TOPIC, Authority
from opsportal.local.aws.catalogue import ACCOUNT, REGION
from opsportal.local.aws.outgoing import Outgoing
from opsportal.local.aws.server import Application, build_server
from opsportal.local.aws.world import World
from opsportal.local.demo.senders import JOBS, senders_put
from opsportal.platforms.models import Platform
from tests.factories.incidents import alarm, transition
from tests.factories.intake import BY, CERTIFICATE, allow, post, source_of
from tests.factories.platforms import platform_with_policy
from tests.local.aws.simulator import running_simulator

NAME = "Database-High-Connections"
ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{NAME}"
MINUTE = timedelta(minutes=1)


class Portal(Outgoing):
    """Keeps what would be posted; `answers` says whether the portal takes it."""

    def __init__(self, world: World, authority: Authority) -> None:
        super().__init__(world, AlarmBook(world), authority, "")
        self.posted: list[tuple[str, bytes]] = []
        self.answers = True

    def _post(self, path: str, body: bytes, kind: str = "Notification") -> bool:
        del kind
        if self.answers:
            self.posted.append((path, body))
        return self.answers

    def subscribe(self, at: datetime) -> None:
        """Have the link confirmed by the token that was sent there, and learn how the alarms stand."""
        self._world.set_links({"sns": "/in/sns/key/"})
        self.tick(at)
        (question,) = self.to("/in/sns/key/")
        assert self.confirm(TOPIC, json.loads(question)["Token"])
        self.posted.clear()
        self.tick(at)

    def to(self, path: str) -> list[bytes]:
        return [body for place, body in self.posted if place == path]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "aws.json")


@pytest.fixture
def believed(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The portal of a demo, whose endpoint is the simulator of this authority."""
    monkeypatch.setattr(signing, "_certificate", lambda name: authority.pems[name])
    monkeypatch.setattr(signing, "_keys", SigningKeys(signing._fetched, signing._roots))
    with override_settings(AWS_ENDPOINT_URL="http://127.0.0.1:1"):
        yield


def after_a_fault(portal: Portal, world: World, at: datetime) -> list[dict[str, Any]]:
    """The messages about the guide's own alarm while connections run out, and after."""
    portal.subscribe(at)
    world.start_fault("db-connections", at=at, minutes=30, platform="shop-management")
    for minute in (5, 10, 15, 20, 45, 60):
        portal.tick(at + minute * MINUTE)
    messages = [json.loads(body) for body in portal.to("/in/sns/key/")]
    return [one for one in messages if json.loads(one["Message"])["AlarmName"] == NAME]


def test_each_change_of_an_alarm_is_one_message_and_those_of_others_are_none(
    world: World, authority: Authority
) -> None:
    portal = Portal(world, authority)
    found = after_a_fault(portal, world, now())
    assert [json.loads(one["Message"])["NewStateValue"] for one in found] == ["ALARM", "OK"]
    assert {one["TopicArn"] for one in found} == {TOPIC}
    names = {json.loads(json.loads(body)["Message"])["AlarmName"] for body in portal.to("/in/sns/key/")}
    assert not [name for name in names if name.startswith(("solemate-", "bookstore-"))]


def test_what_the_portal_could_not_take_is_sent_again(world: World, authority: Authority) -> None:
    portal, at = Portal(world, authority), now()
    portal.subscribe(at)
    world.start_fault("db-connections", at=at, minutes=60, platform="shop-management")
    portal.answers = False
    portal.tick(at + 20 * MINUTE)
    portal.answers = True
    portal.tick(at + 21 * MINUTE)
    assert [one for one in portal.to("/in/sns/key/") if NAME.encode() in one]


def test_a_link_is_told_nothing_before_it_was_confirmed(world: World, authority: Authority) -> None:
    portal, at = Portal(world, authority), now()
    world.set_links({"sns": "/in/sns/key/"})
    world.start_fault("db-connections", at=at, minutes=60, platform="shop-management")
    portal.answers = False
    portal.tick(at)
    portal.answers = True
    for minute in range(1, 20):  # asked when the portal is back, and once more after a while
        portal.tick(at + minute * MINUTE)
    assert [json.loads(body)["Type"] for body in portal.to("/in/sns/key/")] == ["SubscriptionConfirmation"] * 2
    assert not portal.confirm(TOPIC, "guessed")
    world.set_links({"sns": "/in/sns/other/"})
    portal.tick(at + 20 * MINUTE)
    assert len(portal.to("/in/sns/other/")) == 1


@pytest.mark.django_db
def test_an_allowed_topic_is_confirmed_at_the_simulator(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()
    source, path = source_of(platform, at=at, kind="sns")
    allow(source, at=at, arn=TOPIC)
    server = build_server(World(tmp_path / "aws.json"), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    application = cast("Application", server.app)
    application.world.set_links({"sns": path})
    posted: list[dict[str, str]] = []

    def keep(_outgoing: Outgoing, _path: str, body: bytes, *_kind: str) -> bool:
        posted.append(json.loads(body))
        return True

    monkeypatch.setattr(Outgoing, "_post", keep)
    monkeypatch.setattr(signing, "_keys", SigningKeys(signing._fetched, signing._roots))
    with override_settings(AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.port}"):
        application.outgoing.tick(at)
        post(path, posted[0])
        inbound_judge(at=at, key_of=signing.simulated_key)
        with pytest.raises(SignerUnreachableError):
            signing.simulated_answer("https://sns.us-east-1.amazonaws.com/?Token=guessed")
        assert topics_confirm(at=at, fetch=signing.simulated_answer) == 1
    server.shutdown()
    assert SnsTopic.objects.get().confirmed_at == at
    application.outgoing.tick(at + MINUTE)  # it learns how they stand
    application.world.start_fault("db-connections", at=at + MINUTE, minutes=60, platform="shop-management")
    application.outgoing.tick(at + 20 * MINUTE)
    assert {one["Type"] for one in posted[1:]} == {"Notification"}


def test_a_job_beats_until_its_fault_silences_it(world: World, authority: Authority) -> None:
    portal, at = Portal(world, authority), now()
    portal.tick(at)
    assert portal.posted == []  # nobody said where to
    world.set_links({"beat:solemate": "/in/beat/key"})
    portal.tick(at + MINUTE)
    world.start_fault("backup-missing", at=at + MINUTE, minutes=10, platform="solemate")
    portal.tick(at + 3 * MINUTE)
    assert len(portal.to("/in/beat/key")) == 1
    world.heal(at=at + 4 * MINUTE)
    portal.tick(at + 4 * MINUTE)
    assert len(portal.to("/in/beat/key")) == 2


def test_a_link_is_a_path_of_the_portal(world: World) -> None:
    with pytest.raises(ValueError, match="no path"):
        world.set_links({"sns": "@evil.example/in/"})  # behind the portal's address it would be another host
    assert world.links == {}


def test_links_outlive_a_restart_and_are_not_shown(world: World, tmp_path: Path) -> None:
    world.set_links({"beat:solemate": "/in/beat/key"})
    again = World(tmp_path / "aws.json")
    assert again.links == {"beat:solemate": "/in/beat/key"}
    assert again.describe(now())["links"] == ["beat:solemate"]


@pytest.mark.django_db
@pytest.mark.usefixtures("believed")
@pytest.mark.parametrize("first", ["topic", "rule"])
def test_one_fault_from_mirror_and_topic_is_one_incident(
    platform: Platform, world: World, authority: Authority, first: str
) -> None:
    at = now()
    found = after_a_fault(Portal(world, authority), world, at)
    own = alarm(platform, signal="database-connections")
    mirrored = Alarm.objects.create(
        platform=platform, origin=AlarmOrigin.CLOUDWATCH, key=ARN, name=NAME, since=at, service=own.service,
        signal=own.signal, severity=own.severity,
    )  # fmt: skip
    source, path = source_of(platform, at=at, kind="sns")
    allow(source, at=at, arn=TOPIC)

    def by_topic() -> None:
        told = authority.notification(subject="ALARM", message=json.loads(found[0]["Message"]), at=at)
        assert post(path, told).status_code == 200
        inbound_judge(at=at, key_of=signing.simulated_key)
        assert InboundMessage.objects.get().verdict == "accepted"
        claim_alarms(at + 6 * MINUTE)

    def by_mirror_and_rule() -> None:
        for one in (mirrored, own):
            transition(one, "alarm", at)
        claim_alarms(at + 6 * MINUTE)

    for tell in (by_topic, by_mirror_and_rule) if first == "topic" else (by_mirror_and_rule, by_topic):
        tell()
    assert Alert.objects.get().title == NAME
    group = Alarm.objects.get(origin=AlarmOrigin.ALERT)
    assert (group.service, group.signal, group.opens_incident) == (own.service, own.signal, True)
    assert Incident.objects.count() == 1
    claimed = dict(AlarmClaim.objects.values_list("transition__alarm__origin", "outcome"))
    opened, joined = ("alert", "portal") if first == "topic" else ("portal", "alert")
    assert (claimed[opened], claimed[joined]) == ("opened", "attached")


@pytest.mark.django_db
@pytest.mark.usefixtures("believed")
def test_its_signature_is_worth_nothing_without_the_endpoint_or_to_anybody_else(
    platform: Platform, authority: Authority
) -> None:
    at = now()
    source, path = source_of(platform, at=at, kind="sns")
    allow(source, at=at, arn=TOPIC)
    told = authority.notification(subject="x", message={"text": "x"}, at=at)
    with override_settings(AWS_ENDPOINT_URL=None), pytest.raises(ForgedError):
        signing.simulated_key(told["SigningCertURL"])
    public = SigningKeys(lambda url: authority.pems[url.rpartition("/")[2]])
    post(path, told)
    inbound_judge(at=at, key_of=public)
    message = InboundMessage.objects.get()
    assert (message.verdict, "trusted root" in message.reason) == ("refused", True)
    post(path, {**told, "Subject": "y"})
    inbound_judge(at=at, key_of=signing.simulated_key)
    assert "does not fit" in InboundMessage.objects.latest("pk").reason


@pytest.mark.django_db
def test_the_seed_tells_the_simulator_once_and_again_what_it_forgot(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in (*JOBS, "shop-management"):
        platform_with_policy(key=key, name=key)
    state, links = tmp_path / "aws.json", []
    for _ in range(2):
        with running_simulator(state) as simulator, override_settings(AWS_ENDPOINT_URL=simulator.url):
            for _ in range(2):
                senders_put(by=BY, at=now())
            links.append(json.loads(state.read_text())["links"])
            monkeypatch.setattr(signing, "_keys", SigningKeys(signing._fetched, signing._roots))
            with pytest.raises(SignerUnreachableError):
                signing.simulated_key(CERTIFICATE)  # of another authority than this simulator's
            assert signing._roots()
        state.unlink()
    assert set(links[0]) == {"sns", "beat:phase-09", "beat:solemate"}
    assert client.post(links[1]["beat:solemate"]).status_code == 200
    assert client.post(links[1]["sns"], b"{}", content_type="text/plain").status_code == 200
    assert set(links[0].values()).isdisjoint(links[1].values())
    assert list(Heartbeat.objects.order_by("key").values_list("key", "version")) == [("backup-log", 2), ("batch", 2)]
    assert SnsTopic.objects.values_list("arn", "state").get() == (TOPIC, "allowed")
