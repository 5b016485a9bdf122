"""The life cycle as a table, whatever order people click in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.lifecycle import (
    START,
    STEPS,
    WORKING,
    Position,
    Stage,
    State,
    TimeOrderError,
    TransitionError,
    acknowledge,
    advance,
    check_times,
    close,
    merge,
    mitigate,
    reopen,
    resolve,
)

Verb = Callable[[Position], Position]
VERBS: list[Verb] = [
    acknowledge,
    mitigate,
    resolve,
    close,
    reopen,
    merge,
    *(partial(advance, target=to) for to in Stage),
]
ACTS = st.lists(st.sampled_from(VERBS), max_size=40)


@given(ACTS)
def test_any_sequence_of_acts_keeps_state_and_stage_consistent(acts: list[Verb]) -> None:
    position = START
    for verb in acts:
        before = position
        try:
            position = verb(position)
        except TransitionError:
            continue
        assert (position.state is State.OPEN) == (position.stage is not Stage.DOCUMENT)
        if before.state is State.CLOSED:
            assert verb is reopen
        if position.state is State.CLOSED and verb is not merge:
            assert before.state is State.RESOLVED
        assert position.stage is not Stage.DETECT or before.stage is Stage.DETECT


@given(ACTS)
def test_an_incident_can_always_be_ended(acts: list[Verb]) -> None:
    position = START
    for verb in acts:
        try:
            position = verb(position)
        except TransitionError:
            continue
    if position.state is State.OPEN:
        position = resolve(position)
    if position.state is State.RESOLVED:
        position = close(position)
    assert position == Position(State.CLOSED, Stage.DOCUMENT)


def test_every_stage_stands_in_the_table_and_no_step_leads_to_detect_or_document() -> None:
    assert set(STEPS) == set(Stage)
    for targets in STEPS.values():
        assert targets <= set(WORKING)


NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "later, earlier",
    [
        ("detected_at", "impact_started_at"),
        ("declared_at", "detected_at"),
        ("acknowledged_at", "declared_at"),
        ("mitigated_at", "detected_at"),
        ("resolved_at", "mitigated_at"),
        ("closed_at", "resolved_at"),
    ],
)
def test_a_time_before_its_predecessor_is_refused_with_both_names(later: str, earlier: str) -> None:
    with pytest.raises(TimeOrderError, match="cannot be before"):
        check_times({later: NOW - timedelta(seconds=1), earlier: NOW})
    check_times({later: NOW, earlier: NOW})
