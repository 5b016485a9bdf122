"""Questions to Logs Insights are looked over before they are asked and paid for."""

import pytest

from monitoring.insights.lint import errors_of, lint_query
from monitoring.insights.text import segments
from opsportal.packs.pack import pack_names, read_pack

GUIDE = "-- API Error Rate\nfields @timestamp, @message\n| filter @message like /ERROR/\n"
GUIDE += "| stats count(*) as error_count by bin(5m)\n| sort @timestamp desc"


def test_a_question_as_the_guide_writes_it_says_what_is_wrong_and_where() -> None:
    comment, sort = lint_query(GUIDE)
    assert (comment.line, comment.level) == (1, "error")
    assert "“#” does" in comment.text
    assert (sort.line, sort.level) == (5, "warning")
    assert "error_count, bin(5m)" in sort.text
    (source,) = lint_query("SOURCE '/ecs/production/application'\n| filter @message like /SECURITY/")
    assert "leave it out" in source.text


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "nothing to ask"),
        ("fields @message | | limit 5", "between two pipes"),
        ("fields @message |", "between two pipes"),
        ("select @message", "no command"),
        ("fields @message | limit 99999", "limit takes"),
        ("fields @message | limit many", "limit takes"),
        ("fields @message | filter", "says nothing"),
        ("fields @message | unmask @message", "leave it out"),
        ("# only a comment", "between two pipes"),
        ("fields @message | limit " + "9" * 50, "limit takes"),
        ("fields " + "x" * 10_001, "at most 10,000"),
    ],
)
def test_what_aws_would_refuse_or_bill_for_nothing_is_an_error(text: str, said: str) -> None:
    assert said in errors_of(text)[0].text


@pytest.mark.parametrize(
    "text",
    [
        "fields @message | filter @message like /a|b # c/ | limit 5",
        'filter action in ["a|b"] | stats count(*) as n by user_id, bin(1h) | sort n desc',
        "fields bytes / 1024 as kb | sort kb desc # biggest | first",
        "stats count(*) by bin(5m) | sort bin(5m) desc",
        "stats avg(a), max(b) by host | sort `host` asc",
        "FIELDS @message | SORT @timestamp desc",
    ],
)
def test_what_is_right_has_no_finding(text: str) -> None:
    assert lint_query(text) == []


def test_commands_are_taken_apart_at_pipes_only() -> None:
    found = segments("# head\nfields a, 'x|y'\n| filter @message like /p\\/|q/ # tail | not this\n| limit 5")
    assert [(row.line, row.command, row.rest) for row in found] == [
        (2, "fields", "a, 'x|y'"),
        (3, "filter", "@message like /p\\/|q/"),
        (4, "limit", "5"),
    ]


def test_every_question_of_a_pack_stands_and_its_guides_own_does_not() -> None:
    questions = [item for name in pack_names() for item in read_pack(name).of("log-query")]
    assert {item.key for item in questions} == {
        "shop-management-api.error-rate", "shop-management-api.slow-statements", "shop-management-api.user-activity",
        "solemate-backend.errors", "solemate-backend.response-time", "solemate-backend.security",
    }  # fmt: skip
    for item in questions:
        assert lint_query(item.data["text"]) == [], item.key
        assert errors_of(item.data["guide_text"]), item.key
