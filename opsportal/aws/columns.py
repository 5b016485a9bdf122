"""The columns of a GetMetricData answer, read past botocore: it makes an object of each time and value, one by one."""

from __future__ import annotations

from typing import Any, Final

import orjson

_OK: Final = 200


def lift_columns(*, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_event: object) -> None:
    """Take the results out of the answer as they are: times stay numbers (epoch seconds).

    A handler of botocore's `before-parse` event. What it cannot read it leaves to botocore's parser.
    """
    if response_dict["status_code"] != _OK:
        return
    try:
        document = orjson.loads(response_dict["body"])
        results = document.pop("MetricDataResults")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return
    response_dict["body"] = orjson.dumps(document)
    customized_response_dict["MetricDataResults"] = results
