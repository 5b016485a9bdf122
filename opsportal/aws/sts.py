"""STS: who we are when we ask."""

from __future__ import annotations

from dataclasses import dataclass

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The account and role that AWS sees behind our calls."""

    account_id: str
    arn: str


def caller_identity(account: AwsAccount) -> CallerIdentity:
    """Return who we are; the first call to make, since it proves the role and the external id."""
    region = account.regions[0]
    with guard(account, region, "sts:GetCallerIdentity"):
        answer = client(account, "sts", region).get_caller_identity()
    return CallerIdentity(account_id=answer["Account"], arn=answer["Arn"])
