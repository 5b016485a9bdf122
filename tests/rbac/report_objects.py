"""How the matrix asks the routes of reports."""

from typing import Any

from opsportal.core.clock import now
from opsportal.reports.models import PublishedReport, ReportSubscription
from tests.factories.accounts import UserFactory
from tests.rbac.objects import Case, route


def of_platform(case: Case) -> dict[str, str]:
    return {"key": case.platform.key}


def edition(case: Case) -> dict[str, Any]:
    at = now()
    row = PublishedReport.objects.create(
        platform=case.platform, period_key="2026-w01", period_name="Week 1, 2026", number=1, as_of=at, body=BODY,
        sha256="0" * 64, code_version="0", published_by_name="x", published_at=at,
    )  # fmt: skip
    return {"pk": row.pk}


def subscription(case: Case) -> dict[str, Any]:
    at = now()
    row = ReportSubscription.objects.create(
        platform=case.platform, user=UserFactory(), cadence="daily", sent_until=at, created_at=at
    )
    return {"pk": row.pk}


BODY = """{
"platform": "shop", "platform_name": "Shop", "service": null, "service_name": null, "commentary": null,
"objectives": [], "checklists": [], "backups": [], "scorecard": [], "code_version": "0",
"as_of": "2026-01-05T00:00:00+00:00",
"period": {"key": "2026-w01", "name": "Week 1, 2026", "zone": "UTC", "is_over": true,
  "starts_at": "2025-12-29T00:00:00+00:00", "ends_at": "2026-01-05T00:00:00+00:00",
  "until": "2026-01-05T00:00:00+00:00"},
"incidents": {"count": 0, "count_before": 0, "merged": 0, "times": [], "shares": [], "targets": [],
  "deployments": {"per_week": 0, "count": 0, "before_per_week": 0, "before_count": 0}}}"""

route("reports:period", of_platform)
route("reports:period-csv", of_platform)
route("reports:period-json", of_platform)
route("reports:period-backups", of_platform)
route("reports:period-commentary", of_platform, data=lambda _: {"number": "0", "text": "calm"})
route("reports:period-publish", of_platform)
route("reports:published", edition)
route("reports:published-csv", edition)
route("reports:published-json", edition)
route("reports:mails", of_platform)
route("reports:mail-add", of_platform)
route("reports:mail-remove", subscription)
route("reports:unsubscribe", lambda _: {"token": "1-x"}, owned="portal")
route("reports-api:published-report", edition)
route("reports:period-firings", of_platform)
route("reports-api:published-report-verification", edition)
route("reports-api:report-subscription", subscription)
