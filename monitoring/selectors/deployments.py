"""Deployments for the page and the API, newest first."""

from monitoring.models import Deployment, DeploymentState
from opsportal.core.actor import Actor
from opsportal.core.pagination import Page, keyset_page

PAGE = 50


def deployment_page(
    actor: Actor,
    *,
    platform_id: int | None,
    service: str = "",
    state: str = "",
    cursor: str | None = None,
    size: int = PAGE,
) -> Page[Deployment]:
    """Deployments the actor may see, of a service's key and in a state where those are said."""
    rows = Deployment.objects.visible_to(actor).of_platform(platform_id)
    rows = rows.filter(service__key=service) if service else rows
    rows = rows.filter(state=state) if state in DeploymentState.values else rows
    rows = rows.select_related("platform", "service", "source")
    return keyset_page(rows, order=("-started_at", "-pk"), cursor=cursor, size=size)
