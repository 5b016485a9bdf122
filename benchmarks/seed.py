"""`python -m benchmarks.seed incidents|items|charts|grow|sources N`: the rows that are measured."""

import json
import os
import sys
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402 - after setup, as all below
from django.db.models import DateTimeField, F, Model  # noqa: E402

from incidents.models import Incident, TimelineEntry, TimelineHead  # noqa: E402
from incidents.selectors.named import severity_of_rank  # noqa: E402
from incidents.services import incident_declare, incident_resolve  # noqa: E402
from incidents.services.declare import Declaration  # noqa: E402
from maintenance.models import ChecklistItem, ChecklistRun  # noqa: E402
from monitoring import store  # noqa: E402
from monitoring.models import Alarm, AlarmTransition, MetricSource, Series, ServiceMetric  # noqa: E402
from monitoring.services.alert_sources import source_add  # noqa: E402
from opsportal.accounts.actors import user_actor  # noqa: E402
from opsportal.accounts.models import User  # noqa: E402
from opsportal.audit.models import AuditEntry  # noqa: E402
from opsportal.core import clock  # noqa: E402
from opsportal.core.actor import system_actor  # noqa: E402
from opsportal.platforms.models import Service  # noqa: E402

STILL_OPEN = 75
LINES = 5_000
TITLES = ("Checkout answers slowly", "Orders stay unpaid", "Search finds nothing", "Images are missing")


def incidents(count: int) -> None:
    """Declared through the service, spread over the last days."""
    commander, now = User.objects.get(email="commander@example.com"), clock.now()
    services = list(Service.objects.order_by("pk"))
    for number in range(count):
        service, at = services[number % len(services)], now - timedelta(minutes=7 * (count - number) + 60)
        incident = incident_declare(
            by=user_actor(commander),
            at=at,
            declaration=Declaration(
                platform_id=service.platform_id,
                title=TITLES[number % len(TITLES)],
                service=service,
                severity=severity_of_rank(service.platform_id, 1 + number % 3),
            ),
        )
        if number < count - STILL_OPEN:
            incident_resolve(
                by=user_actor(commander),
                at=at + timedelta(minutes=50),
                incident=incident,
                expected=incident.version,
                resolution="It answers again.",
            )


def items(count: int) -> None:
    """A checklist of so many items, in the run that is open."""
    run = ChecklistRun.objects.order_by("-pk").first()
    assert run is not None
    first = run.items.order_by("pk").first()
    assert first is not None
    fields = [field.attname for field in ChecklistItem._meta.concrete_fields if not field.primary_key]
    rows = []
    for number in range(count):
        values = {name: getattr(first, name) for name in fields}
        rows.append(ChecklistItem(**{**values, "position": 1000 + number}))
    ChecklistItem.objects.bulk_create(rows, batch_size=2000)
    ChecklistRun.objects.filter(pk=run.pk).update(item_count=run.item_count + count)


def charts(count: int) -> None:
    """A service of `count` metrics, each with a point a minute for nine days: a noisy wave, the worst to draw."""
    now = store.floor_to(clock.now(), 60)
    first = Service.objects.select_related("platform", "environment").earliest("pk")
    service = Service.objects.create(
        platform=first.platform, environment=first.environment, key="charts", name="Charts"
    )
    source = MetricSource.objects.filter(platform=first.platform).select_related("account").earliest("pk")
    series = [
        Series.objects.create(
            platform=first.platform,
            service=service,
            account=source.account,
            region=source.region,
            namespace="Benchmark",
            name=f"Measured{number}",
            dimensions_hash=f"{number:064}",
            stats=["Sum", "SampleCount"],
            poll_every=60,
            watermark=now,
            newest_point_at=now - timedelta(minutes=1),
        )
        for number in range(count)
    ]
    ServiceMetric.objects.bulk_create(
        ServiceMetric(
            platform=first.platform, service=service, key=f"m{number}", name=f"Measured {number}",
            namespace=one.namespace, metric=one.name, stats=["Average"], position=number, series=one,
        )
        for number, one in enumerate(series)
    )  # fmt: skip
    begins = now - timedelta(days=9)
    with transaction.atomic(), connection.cursor() as cursor:
        store.ensure_partitions(begins, now)
        cursor.execute(
            "INSERT INTO monitoring_point_1m (series_id, ts, n, sum)"
            " SELECT s, ts, 60, 60 * (50 + 20 * sin(extract(epoch FROM ts) / 9000) + 30 * random())"
            " FROM unnest(%s::int[]) AS s, generate_series(%s::timestamptz, %s::timestamptz, '1 minute') AS ts",
            [[one.pk for one in series], begins, now - timedelta(minutes=1)],
        )
        store.cover([one.pk for one in series], begins, now)


def _copies(model: type[Model], count: int, source: str, **changed: str) -> None:
    """`count` copies (n = 1, 2, …) of the row that `source` selects, as years would leave them: by SQL, as the owner,
    since only their number matters.
    """
    meta = model._meta
    columns = [str(field.column) for field in meta.concrete_fields if not field.primary_key]
    values = ", ".join(changed.get(column, f'i."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {meta.db_table} ({names}) SELECT {values}"  # noqa: S608 - our own names
            f" FROM generate_series(1, {count}) AS n, (SELECT * FROM {meta.db_table} {source} LIMIT 1) AS i"
        )
        cursor.execute(f"ANALYZE {meta.db_table}")


def grow(count: int) -> None:
    """Beside what is there: `count` incidents, 5,000 lines on one timeline, ten times as many alarm transitions and
    twenty times as many audit rows.
    """
    earlier = "- n * interval '7 minutes'"
    # Every time moves by the same span, so that their order stays what the constraints ask.
    moved = {
        str(field.column): f'i."{field.column}" {earlier}'
        for field in Incident._meta.concrete_fields
        if isinstance(field, DateTimeField)
    }
    moved |= {"number": "1000000 + n", "declare_key": "NULL", "signal": "''", "state": "'closed'"}
    moved["closed_at"] = f"i.resolved_at + interval '1 hour' {earlier}"
    _copies(Incident, count, "WHERE resolved_at IS NOT NULL ORDER BY id", **moved)
    newest = Incident.objects.filter(resolved_at=None).order_by("-number").values_list("pk", flat=True)[0]
    TimelineHead.objects.filter(incident_id=newest).update(last_number=F("last_number") + LINES)
    _copies(
        TimelineEntry,
        LINES,
        f"WHERE incident_id = {newest} ORDER BY number DESC",
        number="i.number + n",
        client_key="NULL",
    )
    alarm = Alarm.objects.earliest("pk")
    opened = AlarmTransition.objects.create(
        alarm=alarm,
        platform_id=alarm.platform_id,
        service_id=alarm.service_id,
        severity_id=alarm.severity_id,
        opens_incident=False,
        from_state="ok",
        to_state="alarm",
        at=clock.now() - timedelta(days=1),
        recorded_at=clock.now(),
    )
    where = f"WHERE id = {opened.pk}"
    _copies(AlarmTransition, 10 * count, where, at="i.at - n * interval '1 second'", recorded_at="i.recorded_at")
    _copies(AuditEntry, 20 * count, "ORDER BY seq DESC", seq="i.seq + n", at="i.at - n * interval '30 seconds'")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE audit_audithead h SET seq = (SELECT max(seq) FROM audit_auditentry e WHERE e.chain = h.chain)"
        )


def sources(count: int) -> None:
    """Links that outside monitoring sends to, into a file beside the data."""
    platform, by = Service.objects.order_by("pk")[0].platform, system_actor("benchmarks")
    links = []
    for number in range(count):
        values = {"name": f"Prometheus {number}", "opens_incident": True}
        _, key = source_add(by=by, at=clock.now(), platform=platform, kind="alertmanager", values=values)
        links.append(f"/in/alertmanager/{key}/")
    (settings.OPSPORTAL_HOME / "links.json").write_text(json.dumps(links))


if __name__ == "__main__":
    made = {"incidents": incidents, "items": items, "charts": charts, "grow": grow, "sources": sources}
    made[sys.argv[1]](int(sys.argv[2]))
