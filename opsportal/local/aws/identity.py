"""Who calls: roles that check the external id, what only the act role may do, and what the second account may not."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from opsportal.core import clock
from opsportal.local.aws.calls import AnswerError, Call
from opsportal.local.aws.catalogue import ACCOUNT, ACT_ROLE_NAME, EXTERNAL_IDS, ROLE_NAME, SECOND_ACCOUNT

# What the role in the second account cannot do, so that degraded states can be tried.
DENIED: Final = {
    SECOND_ACCOUNT: frozenset({"rds:DescribeDBClusterSnapshots", "acm:ListCertificates", "ce:GetCostAndUsage"})
}
THROTTLED: Final = {SECOND_ACCOUNT: frozenset({"cloudwatch:DescribeAlarmHistory"})}
# What changes the shop: the act role may do this and nothing else, every other caller everything else.
ACTS: Final = frozenset({
    "ecs:UpdateService", "rds:CreateDBClusterSnapshot", "rds:CreateDBSnapshot", "rds:FailoverDBCluster",
    "rds:RebootDBInstance", "route53:ChangeResourceRecordSets",
})  # fmt: skip
_IAM_PREFIX: Final = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
# The key names its account, so that a client's session survives a restart of the simulator.
_KEY: Final = re.compile(r"ASIA(\d{12})(SIMU|ACTS)")
_SUFFIX: Final = {ROLE_NAME: "SIMU", ACT_ROLE_NAME: "ACTS"}
_ROLE: Final = re.compile(r"arn:aws:iam::(\d{12}):role/(.+)")


def account_of(access_key: str) -> str:
    """Return the account a request's key belongs to; keys the simulator did not give are the first account's."""
    match = _KEY.fullmatch(access_key)
    return match[1] if match else ACCOUNT


def _role_of(access_key: str) -> str:
    match = _KEY.fullmatch(access_key)
    return ACT_ROLE_NAME if match and match[2] == _SUFFIX[ACT_ROLE_NAME] else ROLE_NAME


def check_allowed(access_key: str, service: str, operation: str) -> None:
    """Raise the answer AWS gives when the role lacks the permission or is throttled."""
    action, account = f"{_IAM_PREFIX.get(service, service)}:{operation}", account_of(access_key)
    is_acting = _role_of(access_key) == ACT_ROLE_NAME
    if service != "sts" and (action in DENIED.get(account, ()) or (action in ACTS) != is_acting):
        who = _arn(account, _role_of(access_key))
        raise AnswerError("AccessDenied", f"User: {who} is not authorized to perform: {action}")
    if action in THROTTLED.get(account, ()):
        raise AnswerError("Throttling", "Rate exceeded")


def _arn(account: str, role: str = ROLE_NAME, session: str = "opsportal") -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def assume_role(call: Call) -> dict[str, Any]:
    wanted = str(call.params["RoleArn"])
    match = _ROLE.fullmatch(wanted)
    right = match is not None and match[2] in _SUFFIX and match[1] in EXTERNAL_IDS
    if match is None or not right or call.params.get("ExternalId") != EXTERNAL_IDS[match[1]]:
        who = f"User: arn:aws:iam::{ACCOUNT}:user/portal"
        raise AnswerError("AccessDenied", f"{who} is not authorized to perform: sts:AssumeRole on resource: {wanted}")
    lasts = timedelta(seconds=int(call.params.get("DurationSeconds") or 3600))
    return {
        "Credentials": {
            "AccessKeyId": f"ASIA{match[1]}{_SUFFIX[match[2]]}",
            "SecretAccessKey": "simulated",
            "SessionToken": "simulated",
            # A session ends in real time, whatever clock the shop runs by.
            "Expiration": clock.real_now() + lasts,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"AROA{match[1]}SIMU:{call.params['RoleSessionName']}",
            "Arn": _arn(match[1], match[2], str(call.params["RoleSessionName"])),
        },
        "PackedPolicySize": 0,
    }


def get_caller_identity(call: Call) -> dict[str, Any]:
    return {"UserId": f"AROA{call.account}SIMU:opsportal", "Account": call.account, "Arn": _arn(call.account)}
