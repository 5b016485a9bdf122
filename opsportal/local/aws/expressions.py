"""Metric math as far as we need it: arithmetic between series and numbers, and FILL. The rest is refused."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Final

Points = dict[int, float]
_OPERATORS: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class ExpressionError(ValueError):
    """The simulator cannot compute this expression, and says so instead of answering nothing."""


def names(expression: str) -> set[str]:
    """Return the ids an expression refers to. Raises ExpressionError when it cannot be read."""
    return {node.id for node in ast.walk(_parse(expression)) if isinstance(node, ast.Name)} - {"FILL"}


def evaluate(expression: str, series: Mapping[str, Points], moments: range) -> Points:
    """Return the points of an expression; a moment that one of two series lacks is left out."""
    found = _value(_parse(expression).body, series, moments)
    if not isinstance(found, dict):
        raise ExpressionError(f"Error in expression '{expression}': a number alone is no time series")
    return found


def _parse(expression: str) -> ast.Expression:
    try:
        return ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ExpressionError(f"Error in expression '{expression}': Syntax error") from error


def _value(node: ast.expr, series: Mapping[str, Points], moments: range) -> Points | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id not in series:
            raise ExpressionError(f"Error in expression: unknown id {node.id}")
        return series[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _combine(ast.Mult, -1.0, _value(node.operand, series, moments))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _combine(type(node.op), _value(node.left, series, moments), _value(node.right, series, moments))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "FILL":
        return _fill(node, series, moments)
    raise ExpressionError(f"Error in expression: the simulated CloudWatch does not know {ast.unparse(node)[:60]}")


def _fill(node: ast.Call, series: Mapping[str, Points], moments: range) -> Points:
    if len(node.args) == 2:
        points, filler = (_value(argument, series, moments) for argument in node.args)
        if isinstance(points, dict) and isinstance(filler, float):
            return {at: points.get(at, filler) for at in moments}
    raise ExpressionError("Error in expression: FILL takes a series and a number")


def _combine(kind: type[ast.operator], left: Points | float, right: Points | float) -> Points | float:
    apply = _OPERATORS[kind]
    if isinstance(left, float) and isinstance(right, float):
        if kind is ast.Div and right == 0:
            raise ExpressionError("Error in expression: division by zero")
        return apply(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        pairs = ((at, value, right[at]) for at, value in left.items() if at in right)
    elif isinstance(left, dict):
        pairs = ((at, value, right) for at, value in left.items())  # type: ignore[misc]  # a number here
    else:
        pairs = ((at, left, value) for at, value in right.items())  # type: ignore[union-attr]  # a series here
    # CloudWatch leaves a point out where a division has no answer.
    return {at: apply(a, b) for at, a, b in pairs if not (kind is ast.Div and b == 0)}
