"""Many at once: one effect per key, no lost write."""

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Contact, Platform

pytestmark = pytest.mark.django_db(transaction=True)


def _together(count: int, work: Callable[[int], None]) -> None:
    barrier, faults = threading.Barrier(count), []

    def run(n: int) -> None:
        try:
            barrier.wait(timeout=30)
            work(n)
        except Exception as fault:  # noqa: BLE001 - told to the test's own thread
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_one_key_sent_ten_times_at_once_makes_one_row_and_equal_answers(
    platform: Platform, admin: User, client_for: Callable[..., Client]
) -> None:
    clients = [client_for(admin) for _ in range(10)]
    answers: list[tuple[int, bytes]] = []

    def send(n: int) -> None:
        answer = clients[n].post(
            reverse("platforms-api:contacts-list", args=["shop"]),
            {"key": "dba", "name": "DBA"},
            content_type="application/json",
            headers={"Idempotency-Key": "once"},
        )
        answers.append((answer.status_code, answer.content))

    _together(10, send)
    assert Contact.objects.count() == 1
    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1


def test_accepted_writes_are_all_there_and_the_rest_were_told(platform: Platform, at: datetime) -> None:
    contact = Contact.objects.create(platform=platform, key="x", name="X")
    accepted: list[str] = []
    told: list[str] = []

    def write(n: int) -> None:
        for edit in range(10):
            word = f"{n}-{edit};"
            with transaction.atomic():
                row = Contact.objects.get(pk=contact.pk)
                try:
                    row.update_versioned(expected=row.version, note=row.note + word)
                    accepted.append(word)
                except VersionConflictError:
                    told.append(word)

    _together(8, write)
    note = Contact.objects.get().note
    assert len(accepted) + len(told) == 80
    assert all(word in note for word in accepted)
    assert note.count(";") == len(accepted)
    assert Contact.objects.get().version == len(accepted) + 1
