"""A line of a foreign log is kept without what it gives away."""

import pytest

from opsportal.core.masking import mask_line


@pytest.mark.parametrize(
    "line, kept",
    [
        ("ERROR 500 for ada@example.org from 10.1.2.3", "ERROR 500 for [e-mail address] from [address]"),
        ("login failed password=hunter2, user 7", "login failed password=***, user 7"),
        ('{"access_token": "abc def", "order": 7}', '{"access_token": ***, "order": 7}'),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("no answer of postgres://shop:s3cret@db1.shop.internal/shop", "no answer of postgres://shop:***@[host]/shop"),
        ("14:32:07 ERROR 503 token expired after 21 s", "14:32:07 ERROR 503 token expired after 21 s"),
    ],
)
def test_secrets_and_people_are_left_out_of_a_line(line: str, kept: str) -> None:
    assert mask_line(line) == kept
