"""What the simulated shops send to the portal by themselves: the beats of jobs, and SNS messages of alarms that change.

Where to is told by `manage.py demo seed` (POST links) and kept with the state; without a link nothing is sent.
"""

from __future__ import annotations

import json
import secrets
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from opsportal.core import clock
from opsportal.local.aws.alarms import AlarmBook, HeldAlarm
from opsportal.local.aws.authority import TOPIC, Authority
from opsportal.local.aws.calls import Call, moment
from opsportal.local.aws.catalogue import ACCOUNT, PLATFORMS, REGION
from opsportal.local.aws.world import World

BEATS_EVERY: Final = timedelta(seconds=20)
BEAT: Final = "beat:"  # what the names of links of jobs begin with; their platform follows
SILENCED_BY: Final = "backup-missing"
SUBSCRIBED_PLATFORM: Final = "shop-management"
ASKS_EVERY: Final = timedelta(minutes=10)  # to be confirmed
_LOOKS_EVERY: Final = timedelta(seconds=10)
_TICK_SECONDS: Final = 1.0
_SECONDS: Final = 5.0
_MOST_WAITING: Final = 100
_REGION_NAME: Final = "US East (N. Virginia)"


class Outgoing:
    """Sends from a thread of its own; what the portal does not take now is sent again at the next tick."""

    def __init__(self, world: World, book: AlarmBook, authority: Authority, portal: str) -> None:
        self._world, self._book, self._authority, self._portal = world, book, authority, portal
        self._look_at = clock.now()
        self._token = secrets.token_hex(64)
        self._asked: tuple[str, datetime] | None = None
        self._confirmed = ""  # the link that messages may go to
        self._beat_at: dict[str, datetime] = {}
        self._known: dict[str, str] = {}
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)

    def start(self) -> None:
        """Send for as long as the process lives."""
        threading.Thread(target=self._run, name="outgoing", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(_TICK_SECONDS):
            self.tick(clock.now())

    def tick(self, at: datetime) -> None:
        """Send what is due."""
        links = self._world.links
        for name in [name for name in links if name.startswith(BEAT)]:
            if at >= self._beat_at.get(name, at) and not self._is_silenced(name.removeprefix(BEAT), at):
                self._beat_at[name] = at + BEATS_EVERY
                self._post(links[name], b"Done.")
        if "sns" in links:
            self._send_messages(links["sns"], at)

    def confirm(self, topic: str, token: str) -> bool:
        """Let messages go to the link that was asked last, where the token is the one that was sent there."""
        if self._asked is None or (topic, token) != (TOPIC, self._token):
            return False
        self._confirmed = self._asked[0]
        return True

    def _send_messages(self, path: str, at: datetime) -> None:
        """What changed, to a confirmed link; to another one nothing but the question whether it wants them."""
        if path != self._confirmed:
            if self._asked is None or self._asked[0] != path or at >= self._asked[1] + ASKS_EVERY:
                before, self._asked = self._asked, (path, at)  # first: the answer may come before the post returns
                question = json.dumps(self._authority.confirmation(token=self._token, at=at)).encode()
                if not self._post(path, question, "SubscriptionConfirmation"):
                    self._asked = before
            return
        if at >= self._look_at:
            self._look_at = at + _LOOKS_EVERY
            self._waiting.extend(self._news(at))
        while self._waiting and self._post(path, self._waiting[0]):
            self._waiting.popleft()

    def _is_silenced(self, platform: str, at: datetime) -> bool:
        return any((one.name, one.platform) == (SILENCED_BY, platform) for one in self._world.active(at))

    def _news(self, at: datetime) -> list[bytes]:
        """A message for each alarm that changed since the last look; the first look only learns how they stand."""
        call = Call(self._world, ACCOUNT, REGION, {}, at)
        alarms = {name: one for name, one in self._book.held(call).items() if _is_subscribed(name)}
        changed = [one for name, one in alarms.items() if self._known.get(name, one.state) != one.state]
        before, self._known = self._known, {name: one.state for name, one in alarms.items()}
        return [self._message(one, before[one.definition["AlarmName"]], at) for one in changed]

    def _message(self, alarm: HeldAlarm, before: str, at: datetime) -> bytes:
        name = alarm.definition["AlarmName"]
        text = alarm_message(alarm.definition, alarm.state, before, alarm.reason, moment(alarm.changed))
        subject = f'{alarm.state}: "{name}" in {_REGION_NAME}'
        return json.dumps(self._authority.notification(subject=subject, message=text, at=at)).encode()

    def _post(self, path: str, body: bytes, kind: str = "Notification") -> bool:
        """Whether the portal took it, or never will: only what it could not be asked is sent again."""
        headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": kind}
        request = urllib.request.Request(self._portal + path, data=body, headers=headers)  # noqa: S310  loopback
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500
        except (OSError, ValueError):
            return False


def _is_subscribed(name: str) -> bool:
    """As by the subscription's filter: the alarms of one platform, those of the guide among them."""
    return not any(name.startswith(f"{one.key}-") for one in PLATFORMS if one.key != SUBSCRIBED_PLATFORM)


def alarm_message(definition: Mapping[str, Any], state: str, before: str, reason: str, at: datetime) -> dict[str, Any]:
    """What CloudWatch writes to a topic when an alarm changes (CloudWatch user guide, *Alarm notifications*)."""
    name = definition["AlarmName"]
    return {
        "AlarmName": name,
        "AlarmDescription": definition.get("AlarmDescription", ""),
        "AWSAccountId": ACCOUNT,
        "NewStateValue": state,
        "NewStateReason": reason,
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Region": _REGION_NAME,
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        "OldStateValue": before,
        "Trigger": {
            "MetricName": definition["MetricName"],
            "Namespace": definition["Namespace"],
            "Statistic": definition.get("Statistic", ""),
            "Dimensions": [{"name": one["Name"], "value": one["Value"]} for one in definition.get("Dimensions") or ()],
            "Period": definition["Period"],
            "EvaluationPeriods": definition["EvaluationPeriods"],
            "ComparisonOperator": definition["ComparisonOperator"],
            "Threshold": definition["Threshold"],
        },
    }
