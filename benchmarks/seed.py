"""`python -m benchmarks.seed incidents|items|grow N`: the rows that are measured."""

import os
import sys
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

import django

django.setup()

from django.db import connection  # noqa: E402 - after setup, as all below
from django.db.models import DateTimeField  # noqa: E402

from incidents.models import Incident  # noqa: E402
from incidents.services import incident_declare, incident_resolve  # noqa: E402
from incidents.services.declare import Declaration, severity_of_rank  # noqa: E402
from maintenance.models import ChecklistItem, ChecklistRun  # noqa: E402
from opsportal.accounts.actors import user_actor  # noqa: E402
from opsportal.accounts.models import User  # noqa: E402
from opsportal.core import clock  # noqa: E402
from opsportal.platforms.models import Service  # noqa: E402

STILL_OPEN = 50
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


def grow(count: int) -> None:
    """Copies of a resolved incident, as years would leave them: by SQL, since only their number matters."""
    columns = [field.column for field in Incident._meta.concrete_fields if not field.primary_key]
    # Every time moves by the same span, so that their order stays what the constraints ask.
    changed = {
        field.column: f"i.\"{field.column}\" - n * interval '7 minutes'"
        for field in Incident._meta.concrete_fields
        if isinstance(field, DateTimeField)
    }
    changed |= {"number": "1000000 + n", "declare_key": "NULL", "signal": "''", "state": "'closed'"}
    changed["closed_at"] = "i.resolved_at + interval '1 hour' - n * interval '7 minutes'"
    values = ", ".join(changed.get(str(column), f'i."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO incidents_incident ({names}) SELECT {values}"  # noqa: S608 - our own column names
            " FROM generate_series(1, %(count)s) AS n, (SELECT * FROM incidents_incident ORDER BY id LIMIT 1) AS i",
            {"count": count},
        )
        cursor.execute("ANALYZE incidents_incident")


if __name__ == "__main__":
    {"incidents": incidents, "items": items, "grow": grow}[sys.argv[1]](int(sys.argv[2]))
