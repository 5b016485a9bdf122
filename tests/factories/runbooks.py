"""Runbooks as people write them: always through the services."""

from datetime import datetime
from typing import Any

from opsportal.core.actor import Actor, system_actor
from opsportal.knowledge.models import Runbook
from opsportal.knowledge.services.runbooks import RunbookDraft, runbook_add
from opsportal.platforms.models import Platform

TEXT = """\
## Symptoms
It is slow.

## Steps
### Look
Read the log.
```bash
kubectl get pods -n production
```

### Is it healthy?
```check
check: alarms.pending
```

### What is it?
```decision
- A deployment: roll-back
- The database: look-at-the-database
```

### Roll back
```bash
kubectl rollout undo -n production deployment/web
```
Then: verification

### Look at the database
Connections first.

## Verification
### It answers
Open the page.
"""
SYSTEM = system_actor("tests")


def runbook(
    platform: Platform, *, at: datetime, by: Actor = SYSTEM, slug: str = "slow", body: str = TEXT, **values: Any
) -> Runbook:
    """A written runbook of the platform."""
    draft = RunbookDraft(title=values.pop("title", "Slow answers"), body=body, **values)
    return runbook_add(by=by, at=at, platform=platform, slug=slug, draft=draft)
