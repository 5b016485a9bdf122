"""The life cycle as a table, whatever order people click in."""

from datetime import UTC, datetime, timedelta

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
    Verb,
    check_times,
    move,
)

ACTS = st.lists(st.tuples(st.sampled_from(list(Verb)), st.sampled_from(list(Stage))), max_size=40)


@given(ACTS)
def test_any_sequence_of_acts_keeps_state_and_stage_consistent(acts: list[tuple[Verb, Stage]]) -> None:
    position = START
    for verb, target in acts:
        before = position
        try:
            position = move(position, verb, target)
        except TransitionError:
            continue
        assert (position.state is State.OPEN) == (position.stage is not Stage.DOCUMENT)
        if before.state is State.CLOSED:
            assert verb is Verb.REOPEN
        if position.state is State.CLOSED and verb is not Verb.MERGE:
            assert before.state is State.RESOLVED
        assert position.stage is not Stage.DETECT or before.stage is Stage.DETECT


@given(ACTS)
def test_an_incident_can_always_be_ended(acts: list[tuple[Verb, Stage]]) -> None:
    position = START
    for verb, target in acts:
        try:
            position = move(position, verb, target)
        except TransitionError:
            continue
    if position.state is State.OPEN:
        position = move(position, Verb.RESOLVE)
    if position.state is State.RESOLVED:
        position = move(position, Verb.CLOSE)
    assert position == Position(State.CLOSED, Stage.DOCUMENT)


def test_every_stage_stands_in_the_table_and_no_step_leads_to_detect_or_document() -> None:
    assert set(STEPS) == set(Stage)
    for targets in STEPS.values():
        assert targets <= set(WORKING)


def test_advancing_without_a_target_is_refused_with_a_sentence() -> None:
    with pytest.raises(TransitionError, match="Name the stage"):
        move(START, Verb.ADVANCE)


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
