"""Run one check and keep the answer. Whatever goes wrong is *could not check*, never ok."""

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import structlog
from django.db import transaction

from monitoring.evidence.registry import Check, CheckContext, Finding, registered_checks
from monitoring.models import EvidenceResult, Verdict
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform

logger = structlog.get_logger(__name__)


def run_check(*, platform: Platform, name: str, params: Mapping[str, Any], at: datetime, by: Actor) -> EvidenceResult:
    """Ask one check about a platform and store what it asked, what it got and its verdict."""
    begun = time.monotonic()
    context = CheckContext(platform_id=platform.pk, params=dict(params), at=at)
    known = registered_checks().get(name)
    finding = _ask(known, context) if known else _unknown(context, f"There is no check named {name}.")
    body = orjson.dumps([name, finding.asked, finding.got], option=orjson.OPT_SORT_KEYS)
    got = orjson.loads(orjson.dumps(finding.got))
    with transaction.atomic():
        return EvidenceResult.objects.create(
            platform=platform,
            check_name=name[:60],
            params=dict(params),
            asked={**orjson.loads(orjson.dumps(finding.asked)), "by": by.kind},
            got=got,
            verdict=finding.verdict,
            summary=finding.summary[:240],
            fetched_at=finding.fetched_at,
            created_at=at,
            digest=hashlib.sha256(body).hexdigest(),
            duration_ms=int((time.monotonic() - begun) * 1000),
        )


def _ask(known: Check, context: CheckContext) -> Finding:
    unfit = sorted(set(context.params) - set(known.params))
    if unfit:
        return _unknown(context, f"{known.name} takes no parameter {unfit[0]}.")
    try:
        with transaction.atomic():
            return known.run(context)
    except Exception as error:  # one broken check must not keep the rest of a list from being checked
        logger.warning("evidence.check_failed", check=known.name, exc_info=True)
        return _unknown(context, f"{type(error).__name__}: {error}")


def _unknown(context: CheckContext, why: str) -> Finding:
    return Finding(verdict=Verdict.UNKNOWN, summary=why, fetched_at=context.at, asked=dict(context.params))
