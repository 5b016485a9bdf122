"""The lint of alarm rules as a page."""

from collections import Counter
from typing import Final

from django.http import HttpResponse

from monitoring.lint import lint_rules
from monitoring.selectors.rules import rules_in_force
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import platforms_where
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform

SHOWN: Final = 120


@require_action("monitoring.alarm_rule_view")
def rule_lint(request: AuthorizedRequest) -> HttpResponse:
    """What is wrong with the rules in sight, errors first; `?code=` one kind only."""
    at, chosen = now(), selected_platform(request)
    rules = rules_in_force(request.actor, platform_id=chosen.pk if chosen else None)
    every = lint_rules(rules, at=at)
    codes = Counter(one.code for one in every)
    code = request.GET.get("code", "")
    code = code if code in codes else ""
    found = [one for one in every if code in ("", one.code)]
    context = {
        "found": found[:SHOWN],
        "total": len(found),
        "rules": len(rules),
        "views": [
            {"label": "All", "href": "?", "current": not code, "count": len(every)},
            *(
                {"label": name, "href": f"?code={name}", "current": name == code, "count": n}
                for name, n in sorted(codes.items())
            ),
        ],
        "may_change": platforms_where(request.actor, "monitoring.alarm_rule_change"),
        "at": at,
    }
    return render_page(request, "monitoring/rule_lint.html", context)
