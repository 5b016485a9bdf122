"""Calls that change AWS: the few listed here, as the act role, only while an approved plan is carried out, tried once.

The role that reads never changes anything; an account without an act role cannot be changed at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final

from opsportal.aws.errors import guard
from opsportal.aws.policy import Operation
from opsportal.aws.session import AwsAccount, passing_client

ACTS: Final[tuple[Operation, ...]] = (
    Operation("ecs", "UpdateService", "ecs:UpdateService", "scale a service, restart its tasks"),
    Operation("rds", "CreateDBClusterSnapshot", "rds:CreateDBClusterSnapshot", "snapshot of a cluster"),
    Operation("rds", "CreateDBSnapshot", "rds:CreateDBSnapshot", "snapshot of a single instance"),
    Operation("rds", "FailoverDBCluster", "rds:FailoverDBCluster", "make another instance the writer"),
    Operation("rds", "RebootDBInstance", "rds:RebootDBInstance", "reboot an instance, or fail it over to its standby"),
    Operation("route53", "ChangeResourceRecordSets", "route53:ChangeResourceRecordSets", "change a DNS record"),
)
SESSION_SECONDS: Final = 900  # the shortest AWS allows
READ_SECONDS: Final = 15
_BY_ACTION: Final = {operation.action: operation for operation in ACTS}
_in_plan: ContextVar[bool] = ContextVar("aws_in_plan", default=False)


class ActingRefusedError(Exception):
    """No approved plan is being carried out, no act role is set, or the call is none of ours."""


@contextmanager
def plan_acting() -> Iterator[None]:
    """Allow the calls of one approved plan; entered by `plans` alone."""
    token = _in_plan.set(True)
    try:
        yield
    finally:
        _in_plan.reset(token)


def acting_account(account: AwsAccount, *, role_arn: str, plan: int) -> AwsAccount:
    """The account as its act role sees it, in a session of its own that CloudTrail shows with the plan's number.

    One try only: botocore would repeat a call whose answer was lost.
    """
    return replace(
        account,
        role_arn=role_arn,
        attempts=1,
        read_seconds=READ_SECONDS,
        session_name=f"opsportal-plan-{plan}",
        session_seconds=SESSION_SECONDS,
    )


def act(account: AwsAccount, region: str, action: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make one call exactly as the plan wrote it. Raises ActingRefusedError before anything is sent, AwsError after."""
    operation = _BY_ACTION.get(action)
    if not _in_plan.get() or operation is None or account.role_arn is None or account.attempts != 1:
        raise ActingRefusedError(f"{action} is made by an approved plan as an act role, or not at all.")
    with guard(account, region, action):
        made = passing_client(account, operation.service, region)
        answer: Mapping[str, Any] = getattr(made, _method(operation.name))(**request)
    return answer


def _method(name: str) -> str:
    """`create_db_cluster_snapshot` for CreateDBClusterSnapshot, as boto3 calls it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def act_policy_document(*, account_id: str, tag: str = "opsportal") -> dict[str, Any]:
    """The act role's permissions: these verbs on resources tagged for it, and a denial of what must never happen."""
    tagged = {"StringEquals": {f"aws:ResourceTag/{tag}": "act"}}
    by_tag = sorted(action for action in _BY_ACTION if not action.startswith("route53:"))
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OpsportalAct",
                "Effect": "Allow",
                "Action": by_tag,
                "Resource": [f"arn:aws:ecs:*:{account_id}:service/*", f"arn:aws:rds:*:{account_id}:*"],
                "Condition": tagged,
            },
            {
                # A snapshot is made under a new name, which can carry no tag yet.
                "Sid": "OpsportalSnapshotNames",
                "Effect": "Allow",
                "Action": ["rds:CreateDBClusterSnapshot", "rds:CreateDBSnapshot"],
                "Resource": [
                    f"arn:aws:rds:*:{account_id}:cluster-snapshot:opsportal-*",
                    f"arn:aws:rds:*:{account_id}:snapshot:opsportal-*",
                ],
            },
            {
                # Hosted zones know no tag conditions: name the zones that may be changed.
                "Sid": "OpsportalDns",
                "Effect": "Allow",
                "Action": ["route53:ChangeResourceRecordSets"],
                "Resource": ["arn:aws:route53:::hostedzone/<the zone's id>"],
                "Condition": {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsActions": ["UPSERT"]}},
            },
            {
                "Sid": "OpsportalNever",
                "Effect": "Deny",
                "Action": [
                    "ecs:Delete*",
                    "rds:Delete*",
                    "route53:Delete*",
                    "iam:*",
                    "kms:*",
                    "secretsmanager:GetSecretValue",
                ],
                "Resource": "*",
            },
        ],
    }


def act_policy_json(*, account_id: str) -> str:
    """The act role's policy as the text to paste into IAM."""
    return json.dumps(act_policy_document(account_id=account_id), indent=2)
