"""A line of a foreign log is kept without what it gives away."""

import timeit
from functools import partial

import pytest

from opsportal.core.masking import mask_line, mask_start


@pytest.mark.parametrize(
    "line, kept",
    [
        ("ERROR 500 for ada@example.org from 10.1.2.3", "ERROR 500 for [e-mail address] from [address]"),
        ("login failed password=hunter2, user 7", "login failed password=***, user 7"),
        ('{"access_token": "abc def", "order": 7}', '{"access_token": ***, "order": 7}'),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("no answer of postgres://shop:s3cret@db1.shop.internal/shop", "no answer of postgres://shop:***@[host]/shop"),
        ("api_key=abcd1234 apikey: 77 X-Api-Key: zz", "api_key=*** apikey: *** X-Api-Key: ***"),
        ("passwd=a pwd=b; private-key: c, AccessKey=d", "passwd=*** pwd=***; private-key: ***, AccessKey=***"),
        ("pushed with ghp_0123456789abcdef0123456789abcdef0123", "pushed with [key]"),
        ("sent eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl", "sent [key]"),
        ("monkey=banana keyboard: qwerty", "monkey=banana keyboard: qwerty"),
        ("14:32:07 ERROR 503 token expired after 21 s", "14:32:07 ERROR 503 token expired after 21 s"),
    ],
)
def test_secrets_and_people_are_left_out_of_a_line(line: str, kept: str) -> None:
    assert mask_line(line) == kept


@pytest.mark.parametrize("piece", ["a-", "a.", "a@", "a:", "password", "password ", "a", "+", "://a:"])
def test_a_long_line_costs_as_its_length_and_not_as_its_square(piece: str) -> None:
    """A pattern that is tried anew at each letter of a long word would hold a worker for minutes."""

    def cost(size: int) -> float:
        return min(timeit.repeat(partial(mask_line, piece * size), number=1, repeat=3))

    assert cost(8_000) < 40 * cost(1_000)


def test_a_secret_that_lies_across_the_cut_is_masked() -> None:
    key = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"
    for before in range(60):
        said = mask_start(f"{'x ' * 30}{'y' * before} {key} and more", 100)
        assert len(said) <= 100
        assert "eyJ" not in said
    assert mask_start('say password="abc def" once', 20) == "say password=*** onc"
