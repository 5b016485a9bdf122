"""Reads whose SQL Django writes once for each form: writing it takes longer than PostgreSQL needs to answer.

A read stays an ordinary function of actor and values that returns a queryset. It is called once with placeholders in
their stead; afterwards only the values are filled in. What it decides in Python (`if actor.user_id is None`) it decides
once, for any signed-in person.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, cast

from django.db import connection
from django.db.models import BigIntegerField, Expression, Func, QuerySet

from opsportal.core.actor import Actor

Build = Callable[..., QuerySet[Any, Any]]
Compiled = tuple[str, tuple[Any, ...]]
Row = tuple[Any, ...]
_known: Final[dict[Hashable, Compiled]] = {}
# What Django can write of a list. PostgreSQL would join it like a table, and plan for milliseconds: it gets an array.
_LIST: Final = "(SELECT unnest(%(expressions)s::bigint[]))"
_LIST_SQL: Final = _LIST % {"expressions": "%s"}


class Read(NamedTuple):
    """A read that is made together with others: its function, the values."""

    build: Build
    values: Mapping[str, Any]


class Placeholder(Expression):
    """A value that is known when the read is run, by its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, _compiler: Any, _connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


def _ids(name: str) -> Func:
    """A list of ids, for `__in`."""
    return Func(Placeholder(name), template=_LIST, output_field=BigIntegerField())


class _Reader:
    """Some signed-in person, as far as a queryset may ask."""

    kind, sees_all, user_id, platform_ids = "user", False, Placeholder("user_id"), _ids("platform_ids")

    def platforms_with(self, role: str) -> Func:
        return _ids(f"platforms_with_{role}")


def _value(name: str, actor: Actor, values: dict[str, Any]) -> Any:
    if name in values:
        return values[name]
    if name.startswith("platforms_with_"):
        return sorted(actor.platforms_with(name.removeprefix("platforms_with_")))
    return sorted(actor.platform_ids) if name == "platform_ids" else actor.user_id


def _form_of(build: Build) -> Hashable:
    """What the SQL is known by: the function, and what a `partial` gave it."""
    function, given = (build.func, (build.args, *build.keywords.items())) if isinstance(build, partial) else (build, ())
    if "<locals>" in function.__qualname__ or function.__qualname__ == "<lambda>":
        raise TypeError(f"{function.__qualname__}: a read is a function of a module, what decides its form is a value.")
    return function, given


def statement(build: Build, actor: Actor, **values: Any) -> Compiled:
    """The SQL of `build(actor, **values)` and its parameters, written once for each form.

    The function, what a `partial` gave it and which values are None make the form; a list of ids is a value for `__in`.
    Raises EmptyResultSet as Django does. Whoever is no signed-in person has the SQL written anew.
    """
    if actor.kind != "user":
        return build(actor, **values).query.sql_with_params()
    given = {key: value for key, value in values.items() if value is not None}
    form = (_form_of(build), frozenset(given))
    known = _known.get(form)
    if known is None:
        stand_ins = {key: _ids(key) if isinstance(value, list) else Placeholder(key) for key, value in given.items()}
        built = build(cast("Actor", _Reader()), **{**values, **stand_ins})
        sql, parameters = built.query.sql_with_params()
        known = _known[form] = (sql.replace(f"IN {_LIST_SQL}", "= ANY(%s::bigint[])"), parameters)
    sql, parameters = known
    return sql, tuple(_value(one.name, actor, values) if isinstance(one, Placeholder) else one for one in parameters)


def rows(build: Build, actor: Actor, **values: Any) -> list[Row]:
    """The rows of a `values_list()` as PostgreSQL gives them: JSON is text. See `statement`."""
    return together(actor, Read(build, values))[0]


def together(actor: Actor, *reads: Read) -> list[list[Row]]:
    """The rows of each read; PostgreSQL is asked once for all of them."""
    if actor.kind != "user":
        return [list(read.build(actor, **read.values)) for read in reads]
    statements = [statement(read.build, actor, **read.values) for read in reads]
    sql, parameters = "; ".join(sql for sql, _ in statements), [value for _, values in statements for value in values]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[list[Row]] = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
    return found
