"""Who holds which role: platforms knows, and registers its answer here, since accounts stands below it."""

from collections.abc import Callable, Mapping

RoleLoader = Callable[[int], Mapping[int, str]]
_loader: list[RoleLoader] = []


def register_role_loader(loader: RoleLoader) -> None:
    """`loader(user_id)` answers platform id -> role, in one query; from AppConfig.ready."""
    _loader[:] = [loader]


def roles_of(user_id: int) -> Mapping[int, str]:
    """Every role of a person; nothing is cached, so that a change counts from the next request on."""
    return _loader[0](user_id) if _loader else {}
