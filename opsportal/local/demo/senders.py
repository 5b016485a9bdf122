"""What the simulated shops send to the portal: jobs that beat, and CloudWatch's alarms by a topic of SNS."""

from datetime import datetime
from typing import Final

from django.conf import settings
from django.urls import reverse

from monitoring.models import AlertSource, Heartbeat, SourceKind, TopicState
from monitoring.services.alert_sources import source_add, source_rotate, topic_decide
from monitoring.services.heartbeats import heartbeat_add, heartbeat_rotate
from monitoring.services.topics import topic_seen
from opsportal.core.actor import Actor
from opsportal.local.aws.authority import TOPIC
from opsportal.local.aws.control import Control
from opsportal.local.aws.outgoing import BEAT, SUBSCRIBED_PLATFORM
from opsportal.platforms.models import Platform, Service, Severity

# Each platform with the slug and the name of its job.
JOBS: Final = {
    "phase-09": ("batch", "Batch jobs"),
    "solemate": ("backup-log", "Shipping of the backup log"),
}
SOURCE = "CloudWatch by SNS"


def senders_put(*, by: Actor, at: datetime) -> None:
    """Make both links where missing and tell the simulator; what it has forgotten gets a new link."""
    if not settings.AWS_ENDPOINT_URL:
        return
    control = Control(settings.AWS_ENDPOINT_URL)
    known, paths = control.state()["links"], {}
    for platform, job in JOBS.items():
        if BEAT + platform not in known:
            paths[BEAT + platform] = reverse("monitoring:beat", args=[_beat_key(platform, *job, by, at)])
    if "sns" not in known:
        paths["sns"] = reverse("monitoring:alert-receive", args=[SourceKind.SNS, _source_key(by, at)])
    if paths:
        control.set_links(paths)


def _beat_key(platform_key: str, key: str, name: str, by: Actor, at: datetime) -> str:
    platform = Platform.objects.get(key=platform_key)
    found = Heartbeat.objects.filter(platform=platform, key=key).first()
    if found is not None:
        return heartbeat_rotate(by=by, at=at, heartbeat=found, expected=found.version)
    levels = Severity.objects.filter(scheme__platform=platform, scheme__kind="alert").order_by("rank", "pk")
    values = {
        "name": name,
        "service": Service.objects.filter(platform=platform).order_by("pk").first(),
        "every_seconds": 60,
        "grace_seconds": 60,
        "severity": levels[1:2].first() or levels.first(),
    }
    return heartbeat_add(by=by, at=at, platform=platform, key=key, values=values)[1]


def _source_key(by: Actor, at: datetime) -> str:
    platform = Platform.objects.get(key=SUBSCRIBED_PLATFORM)
    found = AlertSource.objects.filter(platform=platform, name=SOURCE).first()
    if found is not None:
        return source_rotate(by=by, at=at, source=found, expected=found.version)
    source, key = source_add(by=by, at=at, platform=platform, kind=SourceKind.SNS, values={"name": SOURCE})
    topic = topic_seen(source=source, arn=TOPIC, at=at)
    if topic.state != TopicState.ALLOWED:
        topic_decide(by=by, at=at, topic=topic, expected=topic.version, is_allowed=True)
    return key
