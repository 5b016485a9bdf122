"""What the public may read of a review: nobody's name, nothing of the inventory (M-PIR-02)."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from incidents.exports.redaction import redact, words_of
from incidents.models import ReviewSection
from incidents.services import incident_resolve, review_draft, review_section_edit
from monitoring.models import Alarm, AwsAccount, Deployment, Resource
from monitoring.selectors.names import inventory_names
from opsportal.accounts.models import User
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, alarm, declare
from tests.factories.monitoring import account_of

PIECE = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
NAME = st.lists(PIECE, min_size=2, max_size=5).map("-".join)
AROUND = st.tuples(
    st.sampled_from(["", " ", "(", "`", "**", '"', "\n- "]), st.sampled_from(["", ".", ")", "`", "'s", ":"])
)
PROSE = st.text(st.sampled_from("ab -_.,/\n"), max_size=40)


@given(NAME, AROUND, PROSE, st.booleans())
def test_a_known_name_never_leaves_whatever_stands_around_it(
    name: str, around: tuple[str, str], prose: str, is_loud: bool
) -> None:
    said = name.upper() if is_loud else name
    text = f"{prose} {around[0]}{said}{around[1]} {prose}"
    assert name in words_of(text)
    found = redact(text, [], frozenset({name}))
    assert not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", found.text, re.IGNORECASE)
    assert found.removed


@given(PROSE)
def test_what_holds_no_name_is_left_as_it_is(prose: str) -> None:
    assert redact(prose, ["Omar Haddad"], frozenset({"shop-api"})).text == prose


@pytest.mark.parametrize(
    "text, left",
    [
        ("i-0abc12345def67890 hung", "[resource] hung"),
        ("see https://jira.example.com/OPS-1.", "see [link]"),
        ("see [the ticket](https://jira.example.com/OPS-1)", "see [the ticket]"),
        ("jira.example.com was slow", "[host] was slow"),
        ("cora and @otto", "a colleague and a colleague"),
        ("@nobody.known asked", "a colleague asked"),
        ("the commander asked", "the commander asked"),
        ("Failed over to shop-management-aurora-1.", "Failed over to [resource]."),
        ("shop-management-api:45 went out", "[resource] went out"),
        ("cluster/shop-management-api", "[resource]"),
        ("a shop-management-api-like name", "a [resource] name"),
        ("SHOP-Management-API", "[resource]"),
    ],
)
def test_what_the_second_trial_found_to_leak_stays_inside(text: str, left: str) -> None:
    names = frozenset({"shop-management-aurora-1", "shop-management-api"})
    assert redact(text, ["Cora Commander", "Otto Operator"], names).text == left


@pytest.mark.parametrize(
    "text, left",
    [
        ("Bo restarted it.", "a colleague restarted it."),
        ("the bo of a bot", "the bo of a bot"),
        ("an Order went to An", "an Order went to a colleague"),
        ("由李明重启", "由a colleague重启"),
        ("@李明 asked", "a colleague asked"),
        ("Wu Di called, Wu did not", "a colleague called, Wu did not"),
    ],
)
def test_a_short_full_name_never_leaves(text: str, left: str) -> None:
    assert redact(text, ["Bo", "An", "李明", "Wu Di", " "]).text == left


def resource(account: AwsAccount, kind: str, identifier: str, at: datetime, platform: Platform | None) -> Resource:
    return Resource(
        platform=platform, account=account, region="eu-west-1", kind=kind, identifier=identifier, fetched_at=at
    )


@pytest.mark.django_db
def test_the_inventory_is_what_the_platform_runs_on(platform: Platform, other_platform: Platform, at: datetime) -> None:
    own, foreign = account_of(platform, at=at), account_of(other_platform, at=at, account_id="222222222222")
    snapshot = "arn:aws:rds:eu-west-1:111111111111:cluster-snapshot:rds:shop-2026-01-01"
    Resource.objects.bulk_create([
        resource(own, "rds_cluster", "Shop-Aurora", at, platform),
        resource(own, "ecs_service", "shop-cluster/myapp", at, None),
        resource(own, "rds_snapshot", snapshot, at, platform),
        resource(foreign, "rds_cluster", "theirs-aurora", at, other_platform),
    ])  # fmt: skip
    Deployment.objects.create(
        platform=platform, external_id="ecs-svc/1", label="myapp-task:45", state="completed", started_at=at
    )
    asked = {"shop-aurora", "shop-cluster", "myapp", "shop-2026-01-01", "myapp-task", "theirs-aurora", "rds", "order"}
    assert inventory_names(platform, asked) == asked - {"theirs-aurora", "rds", "order"}


@pytest.mark.django_db
def test_the_public_page_leaves_the_inventory_out_and_says_so(
    client_for: Callable[..., Client], viewer: User, platform: Platform, at: datetime
) -> None:
    Resource.objects.bulk_create([resource(account_of(platform, at=at), "rds_instance", "shop-aurora-1", at, platform)])
    opened = declare(platform, by=SYSTEM, at=at, title="Checkout down")
    incident = incident_resolve(
        by=SYSTEM, at=at + timedelta(minutes=9), incident=opened, expected=opened.version, resolution="x"
    )
    review = review_draft(by=SYSTEM, at=at + timedelta(minutes=10), incident=incident)
    section = ReviewSection.objects.get(review=review, key="impact")
    Alarm.objects.filter(pk=alarm(platform).pk).update(name="Alarm db, at once", origin="rule")
    client, url = client_for(viewer), f"{incident.url}review/public/?s=impact"
    review_section_edit(
        by=SYSTEM,
        at=at,
        section=section,
        expected=section.version,
        body="Failed to shop-aurora-1. By plan: Fail over (plan 969fff56), done; alarm db, at once is back.",
    )
    page = client.get(url).content.decode()
    assert "Failed to [resource]. By plan: Fail over, done; an alarm is back." in page
    for counted in ("Resource: 1", "Alarm: 1", "Plan: 1"):
        assert counted in page
    section.refresh_from_db()
    review_section_edit(by=SYSTEM, at=at, section=section, expected=section.version, body="Nothing to see.")
    assert "None of the names" in client.get(url).content.decode()
