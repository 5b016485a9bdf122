"""Routes of the packs and of the decisions."""

from typing import Any

from opsportal.knowledge.models import Decision
from opsportal.platforms.models import Platform
from tests.rbac.objects import Case, route

PACK = "genai-demo"


def _pack(case: Case) -> dict[str, Any]:
    # The platform under test becomes the one a pack declares: a pack concerns the people of its platform.
    Platform.objects.filter(pk=case.platform.pk).update(key=PACK)
    return {"name": PACK}


def _decision(case: Case) -> dict[str, Any]:
    return {"pk": Decision.objects.create(platform=case.platform, number=1, title="One database").pk}


route("knowledge:decision-detail", _decision)
route("knowledge:decision-edit", _decision)
route("knowledge:decision-new", owned="portal")
route("packs:pack-detail", _pack)
route("packs:pack-export", _pack)
route("packs:pack-apply", _pack, data=lambda _case: {"plan": "of yesterday"})
