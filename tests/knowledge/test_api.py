"""The runbooks API: list, read, practise, step by step, take over, end."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from opsportal.accounts.models import User
from opsportal.knowledge.models import RunbookRun, RunbookStepRun
from opsportal.platforms.models import Platform
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.runbooks import runbook

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
API, JSON = "/api/v1/", "application/json"
ACTION = """\
## Steps
### Restart
```action
plan: none
```

## Verification
### It answers
Look.
"""


def test_runbooks_are_listed_found_and_read(
    client_for: ClientFor, token: TokenPersona, stranger: User, platform: Platform, at: datetime
) -> None:
    for number in range(3):
        runbook(platform, at=at, slug=f"slow-{number}", title=f"Slow {number}")
    client = client_for(token)
    first = client.get(f"{API}runbooks/?size=2").json()
    assert [row["slug"] for row in first["results"]] == ["slow-0", "slow-1"]
    rest = client.get(f"{API}runbooks/?size=2&cursor={first['next_cursor']}").json()
    assert [row["slug"] for row in rest["results"]] == ["slow-2"]
    assert len(client.get(f"{API}runbooks/?q=slow+2&platform=shop").json()["results"]) == 1
    one = client.get(f"{API}runbooks/shop/slow-0/")
    assert one["ETag"]
    found = one.json()
    assert (found["text_version"], len(found["steps"])) == (1, 6)
    assert found["steps"][2]["choices"][0] == {"text": "A deployment", "anchor": "roll-back"}
    assert "## Symptoms" in found["body"]
    assert client_for(stranger).get(f"{API}runbooks/shop/slow-0/").status_code == 404


def step(client: Client, path: str, number: int, outcome: str, **more: Any) -> Any:
    etag = client.get(path)["ETag"]
    body = {"step": number, "outcome": outcome, **more}
    return client.post(f"{path}steps/", body, content_type=JSON, headers={"If-Match": etag})


def test_a_run_is_carried_out_step_by_step(
    client_for: ClientFor, token: TokenPersona, platform: Platform, at: datetime
) -> None:
    runbook(platform, at=at)
    client = client_for(token)
    begun = client.post(f"{API}runbooks/shop/slow/practice/", content_type=JSON)
    assert (begun.status_code, begun.json()["is_practice"], begun.json()["position"]) == (201, True, 1)
    path = f"{API}runbook-runs/{begun.json()['id']}/"
    assert client.post(f"{path}steps/", {"step": 1, "outcome": "done"}, content_type=JSON).status_code == 428
    assert step(client, path, 1, "done", note="nothing in it").json()["steps"][0]["output"] == "nothing in it"
    assert step(client, path, 1, "done").status_code == 422, "the run stands at another step"
    assert step(client, path, 2, "skipped").status_code == 422, "a skipped step says why"
    assert step(client, path, 2, "asked").json()["steps"][1]["is_waiting"] is True
    assert step(client, path, 2, "skipped", note="no answer").json()["position"] == 3
    assert step(client, path, 3, "chosen", choice="roll-back").json()["position"] == 4
    assert step(client, path, 4, "done").json()["position"] == 6
    assert step(client, path, 6, "done").status_code == 200
    etag = client.get(path)["ETag"]
    body = {"needs_change": True, "wanted_change": "Shorter"}
    ended = client.post(f"{path}finish/", body, content_type=JSON, headers={"If-Match": etag})
    assert (ended.json()["state"], ended.json()["wanted_change"]) == ("finished", "Shorter")
    assert RunbookStepRun.objects.exclude(outcome="asked").count() == 5


def test_another_takes_over_and_the_first_is_told(
    client_for: ClientFor, token: TokenPersona, commander: User, platform: Platform, at: datetime
) -> None:
    runbook(platform, at=at)
    client, other = client_for(token), client_for(token_persona(commander, "read", "runbook:write"))
    path = f"{API}runbook-runs/{client.post(f'{API}runbooks/shop/slow/practice/').json()['id']}/"
    etag = other.get(path)["ETag"]
    assert other.post(f"{path}take-over/", headers={"If-Match": etag}).json()["holder"] == commander.name
    refused = step(client, path, 1, "done")
    assert (refused.status_code, commander.name in refused.json()["detail"]) == (422, True)


def test_a_token_without_the_scope_only_reads_and_none_plans_an_action(
    client_for: ClientFor, token: TokenPersona, operator: User, platform: Platform, at: datetime
) -> None:
    runbook(platform, at=at, body=ACTION)
    reader = client_for(token_persona(operator, "read"))
    assert reader.post(f"{API}runbooks/shop/slow/practice/").status_code == 403
    assert not RunbookRun.objects.exists()
    client = client_for(token)
    path = f"{API}runbook-runs/{client.post(f'{API}runbooks/shop/slow/practice/').json()['id']}/"
    refused = step(client, path, 1, "asked")
    assert (refused.status_code, "by a person" in refused.json()["detail"]) == (422, True)
