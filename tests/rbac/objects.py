"""What each route needs so that the matrix can ask it: address parts, and whose object it is.

Every room registers its routes in its own `tests/rbac/<app>_objects.py`:

    route("incidents:detail", lambda case: {"number": incident(case).number})
    route("incidents:acknowledge", lambda case: {"number": incident(case).number}, data=lambda case: {"version": "1"})

A route without address parts needs no registration unless its posts need `data`. `case.platform` is the platform
`shop`; `case.user` is whoever asks (None for nobody), for rows that belong to one person (`owned="person"`).
Rows are made once for each route, and once for each identity where making them asks for `case.user`; what a request
does to them is rolled back after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from opsportal.accounts.models import User
from opsportal.platforms.models import Platform

Owned = Literal["platform", "person", "portal"]


@dataclass
class Case:
    """One asking: the platform under test and who asks. It notices whether its rows depend on who that is."""

    platform: Platform
    who: User | None = None
    is_personal: bool = False

    @property
    def user(self) -> User | None:
        self.is_personal = True
        return self.who


Build = Callable[[Case], Mapping[str, Any]]


def _nothing(_case: Case) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Route:
    """How to ask one route.

    `owned` says whose its object is: a platform's (others may not know it), the asking person's own, or the
    portal's (no platform decides). `free` names identities whose answer the table alone cannot foretell.
    """

    kwargs: Build = _nothing
    data: Build = _nothing
    owned: Owned = "portal"
    free: frozenset[str] = field(default_factory=frozenset)


ROUTES: Final[dict[str, Route]] = {}


def route(
    name: str,
    kwargs: Build = _nothing,
    *,
    data: Build = _nothing,
    owned: Owned = "platform",
    free: tuple[str, ...] = (),
) -> None:
    """Register how the matrix asks the view `name` ("namespace:name")."""
    assert name not in ROUTES, f"{name} is registered twice"
    ROUTES[name] = Route(kwargs, data, owned, frozenset(free))
