"""The tags of everything in a region that ever had one, by one kind of call."""

from __future__ import annotations

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


def tags_by_arn(account: AwsAccount, region: str) -> dict[str, dict[str, str]]:
    """Return tag names and values by the resource's ARN."""
    found: dict[str, dict[str, str]] = {}
    with guard(account, region, "tag:GetResources"):
        pages = client(account, "resourcegroupstaggingapi", region).get_paginator("get_resources")
        for page in pages.paginate():
            for item in page["ResourceTagMappingList"]:
                found[item["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
    return found
