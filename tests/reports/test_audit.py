"""The trail as it may be read: acts on restricted incidents only by those who know of them."""

import csv
from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from incidents.services import action_item_add
from monitoring.models.marks import Annotation
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core import pagination
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from opsportal.reports.audit.selectors import AuditFilter, audit_entries
from tests.factories.incidents import declare

Actors = Callable[..., Actor]


def test_acts_on_a_restricted_incident_are_hidden_from_who_may_not_know_it(
    platform: Platform, operator: User, admin: User, auditor: User, actor_for: Actors, at: datetime
) -> None:
    by = actor_for(operator)
    open_one = declare(platform, by=by, at=at)
    secret = declare(platform, by=by, at=at, type="security")
    item = action_item_add(by=by, at=at, incident=secret, title="Rotate", kind="prevent")

    def read(person: User) -> set[tuple[str, str]]:
        found = audit_entries(actor_for(person), [platform.pk], AuditFilter())
        return set(found.values_list("obj_kind", "obj_id"))

    mark = Annotation.objects.get(ref=secret.reference)
    hidden = {("incident", str(secret.pk)), ("action_item", str(item.pk)), ("monitoring.annotation", str(mark.pk))}
    assert not hidden & read(admin)
    assert ("incident", str(open_one.pk)) in read(admin)
    assert hidden < read(auditor)


def test_the_trail_stands_in_the_rail_of_those_who_may_read_it(
    auditor: User, viewer: User, client_for: Callable[..., Client]
) -> None:
    link = f'href="{reverse("reports:audit-list")}"'
    assert link in client_for(auditor).get(reverse("dashboard:today")).content.decode()
    assert link not in client_for(viewer).get(reverse("dashboard:today")).content.decode()


def test_the_page_and_the_export_open(admin: User, client_for: Callable[..., Client]) -> None:
    assert client_for(admin).get(reverse("reports:audit-list")).status_code == 200
    assert b"".join(client_for(admin).get(reverse("reports:audit-csv"))).startswith(b"chain")


def test_the_export_holds_every_act_once_chain_by_chain(
    admin: User, platform: Platform, client_for: Callable[..., Client], actor_for: Actors, at: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(pagination, "MAX_SIZE", 3)
    for n in range(10):
        declare(platform, by=actor_for(admin), at=at, title=f"Fault {n}")
    lines = b"".join(client_for(admin).get(reverse("reports:audit-csv"))).decode().splitlines()
    written = [tuple(row[:2]) for row in csv.reader(lines)][1:]
    kept = AuditEntry.objects.filter(chain=platform.pk).order_by("seq").values_list("seq", flat=True)
    assert [int(seq) for chain, seq in written if chain == platform.name] == list(kept)
    assert len(kept) >= 10
