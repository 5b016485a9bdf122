"""Datapoints given to the simulated AWS, to be read back by the portal as any other metric."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import boto3
from botocore.config import Config

from opsportal.local.aws.catalogue import REGION

NAMESPACE: Final = "Trial/Replay"
METRIC: Final = "Load"
BATCH: Final = 500


def dimension(number: int) -> str:
    return f"alert-{number:05}"


def cloudwatch(port: int) -> Any:
    """A client of the simulator itself, past any proxy."""
    return boto3.client(
        "cloudwatch",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=REGION,
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
        config=Config(proxies={}),
    )


def put(client: Any, numbers: Iterable[int], at: datetime, value: float) -> None:
    """One datapoint for each numbered series."""
    data = [
        {
            "MetricName": METRIC,
            "Dimensions": [{"Name": "Alert", "Value": dimension(number)}],
            "Timestamp": at,
            "Value": value,
        }
        for number in numbers
    ]
    for start in range(0, len(data), BATCH):
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + BATCH])
