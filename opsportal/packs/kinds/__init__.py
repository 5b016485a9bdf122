"""Every kind of object a pack may declare, in the order in which one may need the other."""

from collections.abc import Mapping
from typing import Final

from opsportal.packs.kinds.base import ApplyError, Context, Data, Kind, canonical, data_hash
from opsportal.packs.kinds.clock import CLOCK
from opsportal.packs.kinds.dashboard import DASHBOARD
from opsportal.packs.kinds.decision import DECISION
from opsportal.packs.kinds.directory import CALENDAR, CONTACT, LINK
from opsportal.packs.kinds.log_query import LOG_QUERY
from opsportal.packs.kinds.maintenance import CHECKLIST, JOB, WINDOW
from opsportal.packs.kinds.objective import SLO, THRESHOLD
from opsportal.packs.kinds.platform import ENVIRONMENT, PLATFORM
from opsportal.packs.kinds.policy import DOCUMENT, POLICY, TARGET
from opsportal.packs.kinds.runbook import RUNBOOK
from opsportal.packs.kinds.service import METRIC, SERVICE
from opsportal.packs.kinds.severity import ALIAS, SCHEME

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        PLATFORM,
        DOCUMENT,
        ENVIRONMENT,
        CONTACT,
        CALENDAR,
        LINK,
        SCHEME,
        ALIAS,
        SERVICE,
        METRIC,
        LOG_QUERY,
        DASHBOARD,
        CLOCK,
        THRESHOLD,
        SLO,
        CHECKLIST,
        WINDOW,
        JOB,
        TARGET,
        POLICY,
        DECISION,
        RUNBOOK,
    )
}

__all__ = ["KINDS", "ApplyError", "Context", "Data", "Kind", "canonical", "data_hash"]
