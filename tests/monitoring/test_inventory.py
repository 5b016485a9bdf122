"""RDS upkeep and the inventory as AWS has them: read, owned, tagged, watched or watched by nothing (M-MET-06)."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.collector.inventory import watchers_put
from monitoring.collector.resources import poll_resources
from monitoring.collector.upkeep import read_events
from monitoring.evidence.runner import run_check
from monitoring.models import Alarm, AwsAccount, RdsEvent, Resource, ResourcePoll
from monitoring.services.accounts import account_put, source_put
from opsportal.accounts.models import User
from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.platforms.models import Platform, Service
from tests.factories.databases import resource_of
from tests.factories.monitoring import REGION, account_of, rule_of, slo_of, term
from tests.factories.probes import probe_of

ClientFor = Callable[..., Client]
BY = system_actor("tests")


def connected(platform: Platform, number: str, external_id: str) -> AwsAccount:
    account = account_put(
        by=BY, at=now(), account_id=number, name="shops", role_arn=f"arn:aws:iam::{number}:role/opsportal-read",
        external_id=external_id, regions=[REGION],
    )  # fmt: skip
    source_put(by=BY, at=now(), platform=platform, account=account)
    return account


@pytest.fixture
def account(simulated_aws: Any, platform: Platform) -> AwsAccount:
    """The simulated account, of which the platform owns SoleMate's database and the bookstore's service."""
    Service.objects.filter(platform=platform).update(
        selectors={
            "database": "production-postgres",
            "ecs_cluster": "bookstore-cluster",
            "ecs_service": "bookstore-api",
        }
    )
    return connected(platform, "123456789012", "opsportal-demo")


def test_upkeep_and_tags_are_read_and_given_to_their_owner(account: AwsAccount, platform: Platform) -> None:
    at = now()
    poll_resources(account=account, region=REGION, at=at)
    own = {row.kind: row for row in Resource.objects.filter(platform=platform).order_by("-identifier")}
    parameters = own["rds_parameters"].data
    changed = {row["name"]: (row["value"], row["default"]) for row in parameters["changed"]}
    assert changed["work_mem"] == ("16384", "4096")
    assert (own["rds_parameters"].state, parameters["waits_for_restart"]) == ("warn", True)
    assert own["rds_maintenance"].summary == "system-update: waits, no date set"
    forced = Resource.objects.get(kind="rds_maintenance", identifier="phase-09-postgres:db-upgrade")
    assert forced.state == "warn"
    assert own["rds_logs"].data["count"] == 48
    assert own["rds_load"].data["waits"][0]["name"] == "CPU"
    silent = Resource.objects.filter(kind="rds_load", parent="genai-demo-aurora")
    assert {row.state for row in silent} == {"unknown"}
    assert own["rds_instance"].tags["Tier"] == "data"
    others = set(Resource.objects.filter(kind="other").values_list("identifier", flat=True))
    assert "arn:aws:s3:::bookstore-assets-123456789012" in others
    assert not others & set(Resource.objects.exclude(kind="other").values_list("arn", flat=True))


def test_events_are_kept_once_and_asked_from_where_they_ended(account: AwsAccount, platform: Platform) -> None:
    at = now()
    first = read_events(account=account, region=REGION, at=at)
    assert first > 0
    assert read_events(account=account, region=REGION, at=at) == 0
    assert RdsEvent.objects.count() == first
    own = RdsEvent.objects.filter(platform=platform)
    assert {row.source for row in own} == {"production-postgres"}
    assert RdsEvent.objects.filter(platform=None).exists()


def test_a_permission_that_is_missing_is_could_not_check(simulated_aws: Any, platform: Platform) -> None:
    second = connected(platform, "222222222222", "opsportal-second")
    poll_resources(account=second, region=REGION, at=now())
    assert ResourcePoll.objects.get(account=second, kind="rds_snapshot").permission == "rds:DescribeDBClusterSnapshots"
    assert ResourcePoll.objects.get(account=second, kind="rds_load").error == ""  # each kind by itself


def watchers(row: Resource) -> set[tuple[str, str]]:
    row.refresh_from_db()
    return {(one["kind"], one["name"]) for one in row.watched_by}


def test_what_reads_a_resource_watches_it_and_nothing_else_does(platform: Platform, other_platform: Platform) -> None:
    at = now()
    account = account_of(platform, at=at)
    rule, slo = rule_of(platform, at=at), slo_of(platform, at=at)
    named = str(next(iter(rule.indicator["value"]["dimensions"].values())))
    cluster = resource_of(platform, at=at, identifier=named)
    member = resource_of(platform, at=at, identifier="shop-db-1", kind="rds_instance", parent=named)
    namesake = resource_of(platform, at=at, identifier=named, kind="rds_instance")
    alone = resource_of(platform, at=at, identifier="db-alone", kind="rds_instance")
    Alarm.objects.create(
        platform=platform, origin="cloudwatch", account=account, key=f"arn:aws:cloudwatch:{REGION}:1:alarm:busy",
        name="busy", since=at, fetched_at=at,
        reads={"namespace": "AWS/RDS", "dimensions": {"DBInstanceIdentifier": alone.identifier}},
    )  # fmt: skip
    balancer = resource_of(platform, at=at, identifier="app/shop-alb/0123456789abcdef", kind="load_balancer")
    certificate = resource_of(
        platform, at=at, identifier="arn:c", kind="certificate", parent="shop.example.com", data={"names": []}
    )
    bare = resource_of(platform, at=at, identifier="arn:aws:s3:::alone", kind="other", arn="arn:aws:s3:::alone")
    record = resource_of(platform, at=at, identifier="snapshot-1", kind="rds_snapshot", parent=named)
    foreign = resource_of(platform, at=at, identifier="db-of-another", service=None)
    Resource.objects.filter(pk=foreign.pk).update(platform=other_platform)
    probe_of(platform, at=at, key="tls", name="Certificate", kind="tls", address="shop.example.com:443")
    rule_of(platform, at=at, key="foreign", name="Foreign", indicator={
        "value": term("CPUUtilization", namespace="AWS/RDS", dimensions={"DBClusterIdentifier": "db-of-another"})
    })  # fmt: skip
    run_check(platform=platform, name="backup.fresh", params={}, at=at, by=BY)
    assert watchers_put(account=account, region=REGION) > 0
    assert watchers(cluster) == {("rule", rule.name)}  # the check of its backups looked once
    assert watchers(member) == set()  # the figures of its cluster are not its own
    assert watchers(namesake) == set()
    assert watchers(alone) == {("alarm", "busy")}
    assert ("slo", slo.name) in watchers(balancer)
    assert watchers(certificate) == {("probe", "Certificate")}
    assert watchers(bare) == watchers(record) == set()
    assert watchers(foreign) == set()  # the rule is another platform's
    assert watchers_put(account=account, region=REGION) == 0


@pytest.fixture
def shown(platform: Platform) -> Resource:
    at = now()
    watched = [{"kind": "rule", "id": 1, "name": "Connections"}]
    resource_of(platform, at=at, identifier="watched-db", watched_by=watched, tags={"Team": "=Gold"})
    resource_of(platform, at=at, identifier="some-snapshot", kind="rds_snapshot")
    return resource_of(platform, at=at, identifier="bare-db", tags={"Team": "Blue"})


def test_what_nothing_watches_is_a_figure_and_a_filter(shown: Resource, viewer: User, client_for: ClientFor) -> None:
    client, url = client_for(viewer), reverse("monitoring:resources")
    text = client.get(url).content.decode()
    assert "watched-db" in text
    assert "some-snapshot" not in text  # a record of a database, not a resource of its own
    bare = client.get(url, {"watched": "nothing"}).content.decode()
    assert ("watched-db" in bare, "bare-db" in bare) == (False, True)
    for query, names in (({"q": "blue"}, ["bare-db"]), ({"kind": "rds_snapshot"}, ["some-snapshot"]), ({"q": "x"}, [])):
        text = client.get(url, query).content.decode()
        assert [name for name in ("watched-db", "bare-db", "some-snapshot") if name in text] == names
    page = client.get(reverse("monitoring:resource", args=[shown.pk])).content.decode()
    assert "Nothing watches it" in page
    assert "Blue" in page


def test_the_inventory_leaves_as_csv_and_by_api(
    shown: Resource, viewer: User, token: Any, client_for: ClientFor
) -> None:
    response = client_for(viewer).get(reverse("monitoring:resources-csv"), {"watched": "nothing"})
    body = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [(row["identifier"], row["tags"], row["watched_by"]) for row in rows] == [("bare-db", "Team=Blue", "")]
    found = client_for(token).get("/api/v1/resources/").json()["results"]
    assert {row["identifier"]: len(row["watched_by"]) for row in found} == {"watched-db": 1, "bare-db": 0}
    found = client_for(token).get("/api/v1/resources/?watched=nothing").json()["results"]
    assert [row["identifier"] for row in found] == ["bare-db"]


@pytest.mark.parametrize(
    "kind, data, said",
    [
        ("rds_parameters", {"family": "postgres16", "databases": ["a"], "waits_for_restart": True, "changed": [
            {"name": "work_mem", "value": "8", "default": "4", "apply_type": "dynamic", "apply_method": "immediate"}]},
         "work_mem"),
        ("rds_logs", {"files": [{"name": "error/x.log", "bytes": 5, "written_at": "2026-03-10T09:00:00+00:00"}],
                      "count": 1, "bytes": 5}, "error/x.log"),
        ("rds_load", {"waits": [{"name": "CPU", "sessions": 0.5}], "statements": []}, "CPU"),
        ("rds_load", {}, "available"),
        ("backup_job", {"state": "COMPLETED"}, "COMPLETED"),
    ],
)  # fmt: skip
def test_each_kind_shows_its_rows(
    platform: Platform, viewer: User, client_for: ClientFor, kind: str, data: dict[str, Any], said: str
) -> None:
    row = resource_of(platform, at=now(), kind=kind, data=data)
    page = client_for(viewer).get(reverse("monitoring:resource", args=[row.pk]))
    assert page.status_code == 200
    assert said in page.content.decode()


def test_a_strangers_resource_is_not_there(shown: Resource, stranger: User, client_for: ClientFor) -> None:
    client = client_for(stranger)
    assert client.get(reverse("monitoring:resource", args=[shown.pk])).status_code == 404
    assert "bare-db" not in client.get(reverse("monitoring:resources")).content.decode()
