"""What made one text of another, for people who compare."""

from hypothesis import given
from hypothesis import strategies as st

from opsportal.core.comparison import MOST_LINES, Change, compare

TEXTS = st.lists(st.sampled_from(["a", "b", "## c", "-", "+++ d", "@@ -1 @@", ""]), max_size=14).map("\n".join)


def test_what_changed_stands_between_three_lines_that_did_not_and_what_is_far_is_left_out() -> None:
    before = "\n".join("abcdefghijklmnop")
    after = before.replace("h", "H").replace("p", "p\nq")
    assert compare(before, after) == [
        Change("@", "…"),
        Change(" ", " e\n f\n g"),
        Change("-", "-h"),
        Change("+", "+H"),
        Change(" ", " i\n j\n k"),
        Change("@", "…"),
        Change(" ", " n\n o\n p"),
        Change("+", "+q"),
    ]


def test_what_begins_with_the_text_leaves_nothing_out() -> None:
    assert compare("", "a\nb") == [Change("+", "+a\n+b")]
    assert compare("a\nb", "") == [Change("-", "-a\n-b")]
    assert compare("a\nb", "x\nb") == [Change("-", "-a"), Change("+", "+x"), Change(" ", " b")]


def test_texts_too_long_to_be_compared_stand_whole() -> None:
    before, after = "a\n" * MOST_LINES, "b"
    assert compare(before, after) == [Change("-", "\n".join(["-a"] * MOST_LINES + ["-"])), Change("+", "+b")]
    assert compare(before, before) == []
    assert compare("", before) == [Change("+", "\n".join(["+a"] * MOST_LINES + ["+"]))]


@given(TEXTS, TEXTS)
def test_nothing_but_what_was_taken_away_and_added_makes_one_text_of_the_other(before: str, after: str) -> None:
    found = compare(before, after)
    assert (found == []) == (before == after)

    def lines(*kinds: str) -> list[str]:
        return [line[1:] for change in found if change.kind in kinds for line in change.text.split("\n")]

    if found and not any(change.kind == "@" for change in found):  # the whole of short texts is shown
        assert lines(" ", "-") == (before.split("\n") if before else [])[: len(lines(" ", "-"))]
        assert lines(" ", "+") == (after.split("\n") if after else [])[: len(lines(" ", "+"))]
