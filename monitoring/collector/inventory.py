"""The inventory: tags of what is known, what else carries tags, and what watches each resource."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from monitoring.collector.found import Found
from monitoring.evidence.registry import registered_checks
from monitoring.models import INVENTORY, AwsAccount, EvidenceResult, Probe, Resource, RuleTerm, Series, SloTerm
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.aws.tags import tags_by_arn

CHECKED_WITHIN: Final = timedelta(days=8)  # a weekly check still watches
MOST_OTHERS: Final = 2_000
MOST_WATCHERS: Final = 20
# These come and go with what they belong to, or are listed as records of it.
_PASSING: Final = (":cluster-snapshot:", ":snapshot:", ":task/", ":network-interface/", ":recovery-point:")
Watcher = Mapping[str, Any]


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


def watchers_put(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Say of each resource what watches it; returns how many changed."""
    by_word, by_kind = _by_word(account, region), _by_kind(account, at)
    changed = []
    rows = Resource.objects.filter(account=account, region=region, kind__in=INVENTORY)
    for row in rows.only("pk", "platform_id", "kind", "identifier", "parent", "arn", "data", "tags", "watched_by"):
        found = {
            (one["kind"], one["id"]): one
            for word in _names(row)
            for one in by_word.get(word, ())
            if row.platform_id in {None, one["platform"]}
        }
        found |= {(one["kind"], one["id"]): one for one in by_kind.get((row.platform_id, row.kind), ())}
        watchers = [{key: one[key] for key in ("kind", "id", "name")} for _, one in sorted(found.items())]
        if row.watched_by != watchers[:MOST_WATCHERS]:
            row.watched_by = watchers[:MOST_WATCHERS]
            changed.append(row)
    Resource.objects.bulk_update(changed, ["watched_by"], batch_size=500)
    return len(changed)


def _names(row: Resource) -> Iterator[str]:
    """What metrics and probes call it. An instance is seen in the figures of its cluster, too."""
    yield row.identifier
    if row.kind == "rds_instance" and row.parent:
        yield row.parent
    elif row.kind == "certificate":
        yield from (row.parent, *row.data.get("names", ()))
    elif row.kind == "other":
        yield from _words(row.arn)


def _by_word(account: AwsAccount, region: str) -> Mapping[str, list[dict[str, Any]]]:
    """Rules, objectives and probes by the names they use."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    rules = RuleTerm.objects.filter(series__account=account, series__region=region, rule__enabled=True)
    for term in rules.select_related("series", "rule").order_by("pk"):
        one = {"kind": "rule", "id": term.rule_id, "name": term.rule.name, "platform": term.rule.platform_id}
        _add(found, term.series, one)
    slos = SloTerm.objects.filter(series__account=account, series__region=region, slo__enabled=True)
    for goal in slos.select_related("series", "slo").order_by("pk"):
        one = {"kind": "slo", "id": goal.slo_id, "name": goal.slo.name, "platform": goal.slo.platform_id}
        _add(found, goal.series, one)
    probes = Probe.objects.filter(enabled=True, platform__metric_sources__account=account).exclude(address="")
    for probe in probes.order_by("pk"):
        one = {"kind": "probe", "id": probe.pk, "name": probe.name, "platform": probe.platform_id}
        address = probe.address if "//" in probe.address else f"//{probe.address}"
        host = urlsplit(address).hostname or ""
        for word in {host, f"*.{host.partition('.')[2]}"}:
            found[word].append(one)
    return found


def _add(found: dict[str, list[dict[str, Any]]], series: Series, one: dict[str, Any]) -> None:
    named = dict(series.dimensions)
    if "ClusterName" in named and "ServiceName" in named:
        found[f"{named.pop('ClusterName')}/{named.pop('ServiceName')}"].append(one)
    for value in named.values():
        found[str(value)].append(one)


def _by_kind(account: AwsAccount, at: datetime) -> Mapping[tuple[int | None, str], list[dict[str, Any]]]:
    """Checks that were asked lately, by the platform and the kinds of resources they look at."""
    found: dict[tuple[int | None, str], list[dict[str, Any]]] = defaultdict(list)
    checks = registered_checks()
    asked = EvidenceResult.objects.filter(
        platform__metric_sources__account=account, created_at__gt=at - CHECKED_WITHIN
    ).values_list("platform_id", "check_name")
    for platform_id, name in sorted(set(asked.distinct())):
        for kind in checks[name].watches if name in checks else ():
            found[platform_id, kind].append({"kind": "check", "id": name, "name": checks[name].title})
    return found
