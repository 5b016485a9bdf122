"""Who acts: a person, an API token, the portal itself, or nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ActorKind = Literal["user", "token", "system", "anonymous"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """The acting party of one request, task or command, with its rights as read at its start.

    `roles` maps a platform's id to the role held there. A token carries the roles of its owner, narrowed by
    `scopes`. `mfa_at` is when a second factor was last shown in this session.
    """

    kind: ActorKind
    name: str
    user_id: int | None = None
    roles: Mapping[int, str] = field(default_factory=dict)
    is_portal_admin: bool = False
    token_id: int | None = None
    scopes: frozenset[str] = frozenset()
    mfa_at: datetime | None = None
    ip: str | None = None
    request_id: str | None = None

    @property
    def platform_ids(self) -> frozenset[int]:
        return frozenset(self.roles)

    @property
    def sees_all(self) -> bool:
        """The portal itself is bound by no membership."""
        return self.kind == "system"

    def platforms_with(self, role: str) -> frozenset[int]:
        """The platforms where this role is held."""
        return frozenset(platform_id for platform_id, held in self.roles.items() if held == role)

    def has_role(self, platform_id: int, *roles: str) -> bool:
        return self.roles.get(platform_id) in roles


ANONYMOUS = Actor(kind="anonymous", name="anonymous")


def system_actor(name: str) -> Actor:
    """The portal acting by itself; `name` is the loop, task or command, as shown in the audit."""
    return Actor(kind="system", name=name)
