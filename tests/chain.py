"""The audit's chain is the last row that a service locks: whoever holds it must wait for nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def chain_last(*new: str) -> Iterator[None]:
    """Fails when a row is locked after the chain's head; rows of the tables `new` are this transaction's own."""
    late: list[str] = []
    is_held = False

    def look(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal is_held
        begins = sql.lstrip().upper()
        locks = begins.startswith(("UPDATE", "DELETE", "WITH HEAD")) or "FOR UPDATE" in sql or "FOR NO KEY" in sql
        if is_held and locks and not any(name in sql for name in new):
            late.append(sql)
        is_held = is_held or "audit_append" in sql
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield
    assert is_held
    assert not late
