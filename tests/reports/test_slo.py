"""The SLO report: what a reader is told about reviews, exclusions and the end of the period."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from incidents.choices import ReviewState
from incidents.services import incident_resolve, review_draft
from monitoring.models import AnnotationKind, Slo
from monitoring.services.exclusions import exclusion_put
from monitoring.services.marks import annotation_put
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare
from tests.factories.monitoring import BY, series_named, slo_of, term, write

ClientFor = Callable[..., Client]


@pytest.fixture
def slo(platform: Platform) -> Slo:
    at = floor_to(now(), 300)
    slo = slo_of(platform, at=at)
    write(series_named("RequestCount"), [100.0] * 12, end=at, period=300, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), [50.0] * 12, end=at, period=300, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), [None] * 12, end=at, period=300, column="sum")
    return slo


def _report(client: Client, query: str = "") -> str:
    answer = client.get(reverse("reports:slo") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_policy_says_how_the_review_of_a_heavy_incident_stands(
    slo: Slo, platform: Platform, viewer: User, client_for: ClientFor
) -> None:
    at, client = now(), client_for(viewer)
    incident = declare(platform, by=SYSTEM, at=at - timedelta(hours=1))
    annotation_put(
        by=BY, at=at, platform=platform, service=None, kind=AnnotationKind.INCIDENT, ref=incident.reference,
        title=incident.title, url=incident.url, starts_at=at - timedelta(hours=1), ends_at=at,
    )  # fmt: skip
    assert "no review yet" in _report(client)
    incident_resolve(by=SYSTEM, at=at, incident=incident, expected=incident.version)
    review = review_draft(by=SYSTEM, at=at, incident=incident)
    draft = _report(client)
    assert f'href="{review.url}"' in draft
    assert "review draft" in draft
    review.update_versioned(expected=review.version, state=ReviewState.PUBLISHED, published_at=at)
    published = _report(client)
    link = published[published.index(f'href="{review.url}"') :]
    assert "review published" in link[:300]
    assert "warn" not in link[:300]


def test_an_exclusion_is_named_by_its_date(slo: Slo, platform: Platform, viewer: User, client_for: ClientFor) -> None:
    at = now()
    starts_at = at - timedelta(days=3)
    exclusion_put(
        by=BY, at=at, platform=platform, service=None, slo=None, starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1), reason="Window", ref="MNT-1",
    )  # fmt: skip
    assert f"{starts_at.day} {starts_at:%b %Y} {starts_at:%H:%M}" in _report(client_for(viewer)).replace("\xa0", " ")


def test_what_a_period_ends_with_is_told_only_while_it_goes_on(slo: Slo, viewer: User, client_for: ClientFor) -> None:
    client = client_for(viewer)
    assert "At period end" not in _report(client)
    assert "At period end" in _report(client, f"?period={now():%Y-%m}")


def test_a_buckets_links_say_what_they_count(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    at = now()
    slo = slo_of(
        platform, at=at, key="links",
        indicator={
            "total": [term("RequestCount"), term("HTTPCode_ELB_5XX_Count")],
            "bad": [term("HTTPCode_ELB_5XX_Count"), term("HTTPCode_Target_5XX_Count")],
        },
    )  # fmt: skip
    write(series_named("RequestCount"), [100.0] * 12, end=at, period=300, column="sum")
    page = client_for(viewer).get(reverse("monitoring:slo-buckets", args=[slo.pk])).content.decode()
    assert "HTTPCode_ELB_5XX_Count (bad and total), HTTPCode_Target_5XX_Count (bad), RequestCount (total)" in page
    assert ">bad and total</a> · <a" in page
