"""Amazon SNS: what is forged is refused, what is true is taken, nothing but SNS itself is ever asked (M-INC-11)."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from incidents.loops import claim_alarms
from incidents.models import Incident
from monitoring.intake import certificates
from monitoring.intake.samples import ALARM
from monitoring.intake.sns import SUBSCRIPTION, UNSUBSCRIPTION, ForgedError, SignerUnreachableError
from monitoring.models import Alarm, Alert, AlertSource, InboundMessage, SnsTopic
from monitoring.services.alert_sources import topic_decide
from monitoring.services.inbound import inbound_judge
from monitoring.services.topics import topics_confirm
from opsportal.core.clock import real_now
from opsportal.platforms.models import Platform
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.http import Answer
from tests.factories.intake import BY, CERTIFICATE, HOST, OTHER_TOPIC, TOPIC, Authority, Sns, allow, post, source_of

pytestmark = pytest.mark.django_db
Row = dict[str, Any]
_SNS = Sns()  # making keys takes a second each
_STRANGER = Authority("Stranger")
_STRANGERS_KEY, _STRANGERS_PEM = _STRANGER.leaf()
_OTHERS_KEY, _ = _SNS.authority.leaf()


@pytest.fixture
def sns() -> Sns:
    _SNS.served, _SNS.asked = {CERTIFICATE: _SNS.pem}, []
    return _SNS


@pytest.fixture
def source(platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch) -> tuple[AlertSource, str]:
    monkeypatch.setattr("monitoring.views.intake.now", lambda: at)
    found, link = source_of(platform, at=at, kind="sns")
    allow(found, at=at)
    return found, link


def _without(*names: str) -> Callable[[Row], Row]:
    return lambda row: {name: value for name, value in row.items() if name not in names}


def _with(**values: Any) -> Callable[[Row], Row]:
    return lambda row: {**row, **values}


def _flipped(row: Row) -> Row:
    signature = bytearray(base64.b64decode(row["Signature"]))
    signature[7] ^= 1
    return {**row, "Signature": base64.b64encode(bytes(signature)).decode()}


def _signed_by(key: Any, **values: Any) -> Callable[[Row], Row]:
    return lambda row: _SNS.sign({**row, **values}, key=key)


def _resigned(**values: Any) -> Callable[[Row], Row]:
    """Truly signed, and still not to be believed."""
    return _signed_by(None, **values)


def _at(seconds: int) -> Callable[[Row], Row]:
    def change(row: Row) -> Row:
        moved = datetime.fromisoformat(row["Timestamp"]) + timedelta(seconds=seconds)
        return _SNS.sign({**row, "Timestamp": moved.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")})

    return change


def _address(url: str) -> Callable[[Row], Row]:
    """The address is outside the signature: only its own check can refuse it."""
    return _with(SigningCertURL=url)


PEM = CERTIFICATE.rpartition("/")[2]
# Where a certificate could be asked from by one that is forged; nothing of it may be asked.
ADDRESSES = {
    "plain http": f"http://{HOST}/{PEM}",
    "any other host of Amazon": f"https://s3.us-east-1.amazonaws.com/{PEM}",
    "a bucket named like SNS": f"https://sns.us-east-1.s3.amazonaws.com/{PEM}",
    "a host that begins so": f"https://{HOST}.evil.example/{PEM}",
    "a host that ends so": f"https://evil-{HOST}/{PEM}",
    "the host as sign-in": f"https://{HOST}@evil.example/{PEM}",
    "the host as sign-in with a password": f"https://{HOST}:x@evil.example/{PEM}",
    "the host behind a fragment": f"https://evil.example/#{HOST}/{PEM}",
    "the host in the query": f"https://evil.example/?{HOST}/{PEM}",
    "a backslash": f"https://evil.example\\@{HOST}/{PEM}",
    "a port": f"https://{HOST}:8443/{PEM}",
    "another file": f"https://{HOST}/evil.pem",
    "a way up": f"https://{HOST}/../{PEM}",
    "a query behind the file": f"https://{HOST}/{PEM}?x",
    "a fragment behind the file": f"https://{HOST}/{PEM}#x",
    "a line's end": f"https://{HOST}/{PEM}\n",
    "upper case": f"https://{HOST.upper()}/{PEM}",
    "another region": f"https://sns.eu-west-1.amazonaws.com/{PEM}",
    "China's partition": f"https://{HOST}.cn/{PEM}",
    "loopback": f"https://127.0.0.1/{PEM}",
    "loopback, version 6": f"https://[::1]/{PEM}",
    "the metadata address": "http://169.254.169.254/latest/meta-data/",
    "a private address": f"https://10.0.0.1/{PEM}",
    "the address as a number": f"https://2130706433/{PEM}",
    "a file": "file:///etc/passwd",
    "gopher": f"gopher://{HOST}/{PEM}",
    "empty": "",
    "no address": "sns",
    "a full-width dot": f"https://sns.us-east-1.amazonaws\uff0ecom/{PEM}",
    "an internal name": f"https://sns.internal/{PEM}",
}
FORGED: dict[str, Callable[[Row], Row]] = {
    **{f"certificate from {name}": _address(url) for name, url in ADDRESSES.items()},
    "another message": _with(Message="All is well."),
    "another subject": _with(Subject="Fine"),
    "another id": _with(MessageId="00000000-0000-0000-0000-000000000000"),
    "another time": _with(Timestamp="2026-03-10T08:59:59.000Z"),
    "another topic": _with(TopicArn=OTHER_TOPIC),
    "another type": lambda row: {**_SNS.message(at=datetime.fromisoformat(row["Timestamp"]), kind=SUBSCRIPTION),
                                 "Type": UNSUBSCRIPTION},
    "no signature": _without("Signature"),
    "an empty signature": _with(Signature=""),
    "a signature that is no base64": _with(Signature="!!!!"),
    "one bit of the signature": _flipped,
    "a signature of another message": lambda row: {
        **row, "Signature": _SNS.message(at=datetime.fromisoformat(row["Timestamp"]), Message="x")["Signature"]},
    "another key of the same authority": _signed_by(_OTHERS_KEY),
    "a stranger's key": _signed_by(_STRANGERS_KEY),
    "version 1 claimed for a signature of 2": _with(SignatureVersion="1"),
    "version 3": _with(SignatureVersion="3"),
    "no version": _without("SignatureVersion"),
    "no certificate": _without("SigningCertURL"),
    "an hour old and a second": _at(-3601),
    "from the future": _at(301),
    "no time": _resigned(Timestamp="yesterday"),
    "an ARN that is none": _resigned(TopicArn="arn:aws:sns:us-east-1:alerts"),
    "an ARN of another service": _resigned(TopicArn="arn:aws:sqs:us-east-1:111111111111:alerts"),
    "an ARN of another region": _resigned(TopicArn=TOPIC.replace("us-east-1", "eu-west-1")),
}  # fmt: skip


def judged(link: str, row: Row | str, sns: Sns, at: datetime, **headers: str) -> InboundMessage:
    assert post(link, row, **headers).status_code == 200
    inbound_judge(at=at, key_of=sns.keys())
    return InboundMessage.objects.latest("pk")


@pytest.mark.parametrize("name", list(FORGED))
def test_a_forged_message_is_refused(name: str, source: tuple[AlertSource, str], sns: Sns, at: datetime) -> None:
    true = sns.message(at=at, Subject="Database")
    message = judged(source[1], FORGED[name](true), sns, at)
    assert message.verdict in ("refused", "unreadable"), message.reason
    assert message.reason
    assert not Alert.objects.exists()
    assert set(sns.asked) <= {CERTIFICATE}


def test_there_are_more_than_forty_of_them() -> None:
    assert len(FORGED) >= 40


TRUE: dict[str, dict[str, Any]] = {
    "version 2": {},
    "version 1": {"version": "1"},
    "with a subject": {"Subject": 'ALARM: "Database" in US East'},
    "version 1 with a subject": {"version": "1", "Subject": "Database"},
    "an empty subject": {"Subject": "", "Message": "words"},
    "a CloudWatch alarm": {"Message": json.dumps(ALARM), "Subject": "ALARM"},
    "line ends of Windows": {"Message": "one\r\ntwo"},
    "signs of other scripts": {"Message": "база данных 🛑", "Subject": "Ошибка"},
    "attributes beside it": {"MessageAttributes": {"x": {"Type": "String", "Value": "y"}}},
    "fifty-nine minutes old": {"age": 59},
    "a little ahead": {"age": -4},
    "an address to unsubscribe": {"UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe"},
}  # fmt: skip


@pytest.mark.parametrize("name", list(TRUE))
def test_a_true_message_is_taken(name: str, source: tuple[AlertSource, str], sns: Sns, at: datetime) -> None:
    values = dict(TRUE[name])
    row = sns.message(at=at - timedelta(minutes=values.pop("age", 0)), **values)
    message = judged(source[1], row, sns, at)
    assert (message.verdict, message.alerts) == ("accepted", 1), message.reason
    assert Alarm.objects.get(origin="alert").state == "alarm"


def test_a_message_sent_again_is_one_alert(source: tuple[AlertSource, str], sns: Sns, at: datetime) -> None:
    row = sns.message(at=at)
    judged(source[1], row, sns, at)
    assert judged(source[1], row, sns, at + timedelta(minutes=5)).verdict == "repeat"
    assert Alert.objects.count() == 1
    assert sns.asked == [CERTIFICATE] * 2, "one keeper of keys asks once; here are two"


def test_a_header_that_says_something_else_is_refused(source: tuple[AlertSource, str], sns: Sns, at: datetime) -> None:
    message = judged(source[1], sns.message(at=at), sns, at, x_amz_sns_topic_arn=OTHER_TOPIC)
    assert message.verdict == "refused"


def test_a_cloudwatch_alarm_has_service_and_signal_of_its_mirror(
    source: tuple[AlertSource, str], platform: Platform, sns: Sns, at: datetime
) -> None:
    service = platform.services.get(key="web")
    Alarm.objects.create(
        platform=platform, origin="cloudwatch", key=ALARM["AlarmArn"], name="x", since=at, service=service,
        signal="db-connections",
    )  # fmt: skip
    judged(source[1], sns.message(at=at, Message=json.dumps(ALARM), Subject="ALARM"), sns, at)
    told = Alarm.objects.get(origin="alert")
    assert (told.service, told.signal, told.name) == (service, "db-connections", ALARM["AlarmName"])
    claim_alarms(at)
    assert Incident.objects.get().signal == "db-connections"


def test_an_unknown_topic_is_held_and_heard_once_an_admin_allows_it(
    source: tuple[AlertSource, str], sns: Sns, at: datetime
) -> None:
    held = judged(source[1], sns.message(at=at, TopicArn=OTHER_TOPIC), sns, at)
    assert held.verdict == "held"
    assert not Alert.objects.exists()
    topic = SnsTopic.objects.get(arn=OTHER_TOPIC)
    later = at + timedelta(hours=2)
    assert topic_decide(by=BY, at=later, topic=topic, expected=1, is_allowed=True) == 1
    inbound_judge(at=later, key_of=sns.keys())
    assert InboundMessage.objects.latest("pk").verdict == "accepted", "as of when it came, it was not old"
    topic_decide(by=BY, at=later, topic=topic, expected=2, is_allowed=False)
    message = judged(source[1], sns.message(at=at, TopicArn=OTHER_TOPIC, MessageId="2"), sns, at)
    assert (message.verdict, message.reason) == ("refused", "An admin refused this topic.")


def test_a_forged_message_brings_no_topic_to_approve(source: tuple[AlertSource, str], sns: Sns, at: datetime) -> None:
    judged(source[1], {**sns.message(at=at), "TopicArn": OTHER_TOPIC}, sns, at)
    assert not SnsTopic.objects.filter(arn=OTHER_TOPIC).exists()


def test_a_subscription_is_confirmed_only_when_its_topic_is_allowed(
    source: tuple[AlertSource, str], sns: Sns, at: datetime
) -> None:
    asked: list[str] = []

    def confirm(url: str) -> bytes:
        asked.append(url)
        return b"<ConfirmSubscriptionResponse><SubscriptionArn>arn:aws:sns:x</SubscriptionArn>"

    waiting = judged(source[1], sns.message(at=at, kind=SUBSCRIPTION, TopicArn=OTHER_TOPIC), sns, at)
    assert waiting.verdict == "held"
    assert topics_confirm(at=at, fetch=confirm) == 0
    topic = SnsTopic.objects.get(arn=OTHER_TOPIC)
    topic_decide(by=BY, at=at, topic=topic, expected=topic.version, is_allowed=True)
    inbound_judge(at=at, key_of=sns.keys())
    assert "2336412f" not in SnsTopic.objects.get(arn=OTHER_TOPIC).confirm_token, "a token is kept sealed"
    assert topics_confirm(at=at, fetch=confirm) == 1
    assert topics_confirm(at=at, fetch=confirm) == 0
    topic.refresh_from_db()
    assert (topic.confirmed_at, topic.confirm_token) == (at, "")
    (url,) = asked
    assert re.fullmatch(rf"https://{re.escape(HOST)}/\?Action=ConfirmSubscription&TopicArn=[\w%.-]+&Token=\w+", url)


def test_a_confirmation_that_fails_is_tried_again_and_says_why(
    source: tuple[AlertSource, str], sns: Sns, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(source[1], sns.message(at=at, kind=SUBSCRIPTION), sns, at)

    def away(_url: str) -> bytes:
        raise SignerUnreachableError("SNS did not answer.")

    assert topics_confirm(at=at, fetch=away) == 1
    topic = SnsTopic.objects.get()
    assert (topic.confirm_error, topic.confirm_attempts, topic.confirmed_at) == ("SNS did not answer.", 1, None)
    assert topics_confirm(at=at, fetch=away) == 0, "it waits before it asks again"
    SnsTopic.objects.update(confirm_after=real_now())
    assert topics_confirm(at=at, fetch=lambda _url: b"<html>") == 1
    topic.refresh_from_db()
    assert topic.confirm_error == "SNS did not answer with a subscription."


@pytest.mark.parametrize("url", [address.replace(PEM, "?Action=ConfirmSubscription") for address in ADDRESSES.values()])
def test_no_address_of_a_confirmation_is_asked_but_that_of_sns(
    url: str, source: tuple[AlertSource, str], sns: Sns, at: datetime
) -> None:
    row = sns.message(at=at, kind=SUBSCRIPTION)
    message = judged(source[1], sns.sign({**row, "SubscribeURL": url}), sns, at)
    assert message.verdict == "refused", message.reason
    assert topics_confirm(at=at, fetch=pytest.fail) == 0


@pytest.mark.parametrize("field", ["TopicArn", "Token"])
def test_a_confirmation_whose_address_names_something_else_is_refused(
    field: str, source: tuple[AlertSource, str], sns: Sns, at: datetime
) -> None:
    row = sns.message(at=at, kind=SUBSCRIPTION)
    other = {"TopicArn": ("alerts", "others"), "Token": ("Token=23", "Token=99")}[field]
    message = judged(source[1], sns.sign({**row, "SubscribeURL": row["SubscribeURL"].replace(*other)}), sns, at)
    assert message.verdict == "refused"


def test_raw_delivery_is_taken_only_where_an_admin_said_so(
    source: tuple[AlertSource, str], sns: Sns, at: datetime
) -> None:
    headers = {"x_amz_sns_rawdelivery": "true", "x_amz_sns_topic_arn": TOPIC, "x_amz_sns_message_id": "1"}
    assert judged(source[1], ALARM, sns, at, **headers).verdict == "refused"
    AlertSource.objects.update(takes_raw=True)
    assert judged(source[1], ALARM, sns, at, **headers).verdict == "accepted"
    assert judged(source[1], ALARM, sns, at, **{**headers, "x_amz_sns_topic_arn": OTHER_TOPIC}).verdict == "held"


def test_an_sns_that_cannot_be_asked_leaves_the_message_waiting_for_a_while(
    source: tuple[AlertSource, str], sns: Sns, at: datetime
) -> None:
    def away(_url: str) -> bytes:
        raise SignerUnreachableError("SNS did not answer.")

    keys = certificates.SigningKeys(away, lambda: (sns.authority.root,))
    post(source[1], sns.message(at=at))
    assert inbound_judge(at=at, key_of=keys) == 0
    message = InboundMessage.objects.get()
    assert (message.verdict, message.attempts) == ("waiting", 1)
    assert inbound_judge(at=at, key_of=sns.keys()) == 0, "not before its next attempt"
    InboundMessage.objects.update(not_before=real_now())
    assert inbound_judge(at=at, key_of=sns.keys()) == 1
    message.refresh_from_db()
    assert message.verdict == "accepted"


BAD_LEAVES: dict[str, Callable[[], bytes]] = {
    "a stranger's authority": lambda: _STRANGERS_PEM,
    "another name": lambda: _SNS.authority.leaf("sqs.amazonaws.com")[1],
    "another region's name": lambda: _SNS.authority.leaf("sns.eu-west-1.amazonaws.com")[1],
    "expired": lambda: _SNS.authority.leaf(days=-1)[1],
    "a key that is too small": lambda: _SNS.authority.leaf(bits=1024)[1],
    "no certificate": lambda: b"<html>",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", list(BAD_LEAVES))
def test_a_certificate_that_is_not_sns_s_proves_nothing(
    name: str, source: tuple[AlertSource, str], sns: Sns, at: datetime
) -> None:
    sns.served[CERTIFICATE] = BAD_LEAVES[name]()
    message = judged(source[1], sns.message(at=at), sns, at)
    assert message.verdict == "refused"
    assert "ertificate" in message.reason


@pytest.mark.parametrize(
    "issuer, asked", [("http://crt.r2m01.amazontrust.com/r2m01.cer", True), ("http://169.254.169.254/x", False)]
)
def test_the_certificate_above_the_leaf_is_asked_from_amazon_alone(
    issuer: str, asked: bool, sns: Sns, at: datetime
) -> None:
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(issuer))]
    )
    sns.served[CERTIFICATE] = _STRANGER.leaf(access=access)[1]
    sns.served[issuer] = _STRANGER.root.public_bytes(Encoding.DER)
    with pytest.raises(ForgedError):
        sns.keys()(CERTIFICATE)
    assert (issuer in sns.asked) is asked


def test_outside_is_asked_through_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []

    def fetch(*, purpose: str, url: str) -> Answer:
        calls.append((purpose, url))
        raise BlockedAddressError("10.0.0.1 is not a public address.")

    monkeypatch.setattr(certificates, "fetch", fetch)
    with pytest.raises(SignerUnreachableError, match="not a public address"):
        certificates.fetched(CERTIFICATE)
    assert calls == [("sns", CERTIFICATE)]


def test_amazon_s_roots_alone_speak_for_sns() -> None:
    names = {root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for root in certificates.public_roots()}
    assert names == {f"Amazon Root CA {number}" for number in range(1, 5)}
