"""The inventory: tags of what is known, what else carries tags, and what watches each resource."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from monitoring.collector.found import Found
from monitoring.models import INVENTORY, Alarm, AwsAccount, Probe, Resource, ResourceKind, RuleTerm, SloTerm
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.aws.tags import tags_by_arn

MOST_OTHERS: Final = 2_000
MOST_WATCHERS: Final = 20
# These come and go with what they belong to, or are listed as records of it.
_PASSING: Final = (":cluster-snapshot:", ":snapshot:", ":task/", ":network-interface/", ":recovery-point:")
# By which dimension CloudWatch names a resource of a kind, and below which namespaces it tells of those of a service
# whose name is another. The same word under another name is something else: an environment, a role, a queue.
_DIMENSIONS: Final = {
    "DBClusterIdentifier": ResourceKind.RDS_CLUSTER,
    "DBInstanceIdentifier": ResourceKind.RDS_INSTANCE,
    "LoadBalancer": ResourceKind.LOAD_BALANCER,
    "TargetGroup": ResourceKind.TARGET_GROUP,
    "CertificateArn": ResourceKind.CERTIFICATE,
}
_FAMILIES: Final = {
    "containerinsights": "ecs", "applicationelb": "elasticloadbalancing", "networkelb": "elasticloadbalancing",
    "natgateway": "ec2", "transitgateway": "ec2", "ebs": "ec2", "cwagent": "ec2", "efs": "elasticfilesystem",
    "amazonmq": "mq",
}  # fmt: skip
Watcher = dict[str, Any]
Name = tuple[str, str]  # a kind of resource, or of AWS's service where only tags are read; what it is called


def tagged(session: AwsSession, region: str, _at: datetime) -> Iterable[Found]:
    """Everything with tags; `tags_put` takes out what other readers know."""
    for arn, tags in tags_by_arn(session, region).items():
        service = arn.split(":")[2]
        yield Found(arn, {"tags": tags}, "unknown", f"{service}: only its tags are read", arn=arn, owner=_words(arn))


def _words(arn: str) -> tuple[str, ...]:
    last = arn.split(":", 5)[-1]
    return (last, last.rpartition(":")[2], last.rpartition("/")[2])


def tags_put(account: AwsAccount, region: str, found: list[Found]) -> list[Found]:
    """Write the tags onto the resources that are known; returns what nobody else reads, with its own."""
    by_arn = {item.arn: dict(item.data["tags"]) for item in found}
    known = Resource.objects.filter(account=account, region=region).exclude(arn="").exclude(kind="other")
    rows = list(known.only("pk", "arn", "tags"))
    changed = [row for row in rows if row.tags != by_arn.get(row.arn, {})]
    for row in changed:
        row.tags = by_arn.get(row.arn, {})
    Resource.objects.bulk_update(changed, ["tags"], batch_size=500)
    arns = {row.arn for row in rows}
    others = [item for item in found if item.arn not in arns and not any(word in item.arn for word in _PASSING)]
    return others[:MOST_OTHERS]


def watchers_put(*, account: AwsAccount, region: str) -> int:
    """Say of each resource what reads it all the time and would call; returns how many changed."""
    by_name = _by_name(account, region)
    changed = []
    rows = Resource.objects.filter(account=account, region=region, kind__in=INVENTORY)
    for row in rows.only("pk", "platform_id", "kind", "identifier", "parent", "arn", "data", "watched_by"):
        found = {
            (one["kind"], one["id"]): one
            for name in _names(row)
            for one in by_name.get(name, ())
            if row.platform_id in {None, one["platform"]}
        }
        watchers = [{key: one[key] for key in ("kind", "id", "name")} for _, one in sorted(found.items())]
        if row.watched_by != watchers[:MOST_WATCHERS]:
            row.watched_by = watchers[:MOST_WATCHERS]
            changed.append(row)
    Resource.objects.bulk_update(changed, ["watched_by"], batch_size=500)
    return len(changed)


def _names(row: Resource) -> Iterator[Name]:
    """What metrics and probes call it."""
    if row.kind != ResourceKind.OTHER:
        yield row.kind, row.identifier
        hosts = (row.parent, *row.data.get("names", ())) if row.kind == ResourceKind.CERTIFICATE else ()
        yield from (("host", host) for host in hosts)
    else:
        service = row.arn.split(":")[2]
        yield from ((service, word) for word in _words(row.arn))


def _by_name(account: AwsAccount, region: str) -> Mapping[Name, list[Watcher]]:
    """Rules, objectives, CloudWatch's own alarms and probes by what they read."""
    found: dict[Name, list[Watcher]] = defaultdict(list)
    rules = RuleTerm.objects.filter(series__account=account, series__region=region, rule__enabled=True)
    for term in rules.select_related("series", "rule").order_by("pk"):
        one = {"kind": "rule", "id": term.rule_id, "name": term.rule.name, "platform": term.rule.platform_id}
        _add(found, term.series.namespace, term.series.dimensions, one)
    slos = SloTerm.objects.filter(series__account=account, series__region=region, slo__enabled=True)
    for goal in slos.select_related("series", "slo").order_by("pk"):
        one = {"kind": "slo", "id": goal.slo_id, "name": goal.slo.name, "platform": goal.slo.platform_id}
        _add(found, goal.series.namespace, goal.series.dimensions, one)
    mirrored = Alarm.objects.judged().filter(account=account, key__contains=f":{region}:")
    for alarm in mirrored.order_by("pk"):
        one = {"kind": "alarm", "id": alarm.pk, "name": alarm.name, "platform": alarm.platform_id}
        _add(found, alarm.reads.get("namespace", ""), alarm.reads.get("dimensions", {}), one)
    probes = Probe.objects.filter(enabled=True, platform__metric_sources__account=account).exclude(address="")
    for probe in probes.order_by("pk"):
        one = {"kind": "probe", "id": probe.pk, "name": probe.name, "platform": probe.platform_id}
        address = probe.address if "//" in probe.address else f"//{probe.address}"
        host = urlsplit(address).hostname or ""
        for word in {host, f"*.{host.partition('.')[2]}"}:
            found["host", word].append(one)
    return found


def _add(found: dict[Name, list[Watcher]], namespace: str, dimensions: Mapping[str, Any], one: Watcher) -> None:
    family = namespace.rpartition("/")[2].lower()
    service = _FAMILIES.get(family, family)
    if "ClusterName" in dimensions and "ServiceName" in dimensions:
        found[ResourceKind.ECS_SERVICE, f"{dimensions['ClusterName']}/{dimensions['ServiceName']}"].append(one)
        return
    for name, value in dimensions.items():
        found[_DIMENSIONS.get(name, service), str(value)].append(one)
