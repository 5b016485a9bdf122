"""One AWS account as the portal sees it, and the boto3 clients for it.

boto3 is loaded when the first client is made: the commands of an emergency never make one.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from opsportal.aws.columns import lift_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.config import Config
    from botocore.session import Session as BotocoreSession
    from mypy_boto3_acm import ACMClient
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_sts import STSClient

_CONNECT_SECONDS: Final = 2
# A simulated AWS gets these words instead of keys, so that a real key never leaves for it.
_SIMULATED_KEY: Final = "simulated"


@dataclass(frozen=True, slots=True)
class AwsAccount:
    """Where to ask and as whom. No secret key is ever part of it.

    `endpoint_url` is set for the simulated AWS only. `attempts` counts every try of one request,
    the first included; `read_seconds` is how long one try waits for its answer. `session_name` is what
    CloudTrail shows beside the role, `session_seconds` how long one assumed session lasts.
    """

    account_id: str
    regions: tuple[str, ...]
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: str | None = None
    attempts: int = 3
    read_seconds: int = 20
    session_name: str = "opsportal"
    session_seconds: int = 3600


_clients: dict[tuple[int, AwsAccount, str, str], Any] = {}
_sessions: dict[tuple[int, AwsAccount], BotocoreSession] = {}
_lock = threading.Lock()


def forget_clients() -> None:
    """Drop every cached client, for an account whose role or external id has changed."""
    with _lock:
        _clients.clear()
        _sessions.clear()


@overload
def client(account: AwsAccount, service: Literal["acm"], region: str) -> ACMClient: ...
@overload
def client(account: AwsAccount, service: Literal["backup"], region: str) -> BackupClient: ...
@overload
def client(account: AwsAccount, service: Literal["cloudwatch"], region: str) -> CloudWatchClient: ...
@overload
def client(account: AwsAccount, service: Literal["ecs"], region: str) -> ECSClient: ...
@overload
def client(account: AwsAccount, service: Literal["elbv2"], region: str) -> ElasticLoadBalancingv2Client: ...
@overload
def client(account: AwsAccount, service: Literal["rds"], region: str) -> RDSClient: ...
@overload
def client(account: AwsAccount, service: Literal["sts"], region: str) -> STSClient: ...
@overload
def client(
    account: AwsAccount,
    service: Literal["ce", "logs", "pi", "resourcegroupstaggingapi", "route53", "xray"],
    region: str,
) -> Any: ...
def client(account: AwsAccount, service: str, region: str) -> Any:
    """Return the cached client. Assuming the role happens at its first call, inside that call's guard."""
    key = (os.getpid(), account, service, region)
    with _lock:
        found = _clients.get(key)
        if found is None:
            found = _clients[key] = _client(_session(account), account, service, region)
    return found


def passing_client(account: AwsAccount, service: str, region: str) -> Any:
    """Return a client that nothing keeps, for a session that lasts as long as one piece of work."""
    return _client(_assumed(account), account, service, region)


def _client(session: BotocoreSession, account: AwsAccount, service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    make: Any = boto3.Session(botocore_session=session, region_name=region).client
    if service != "cloudwatch":
        return make(service, endpoint_url=account.endpoint_url, config=_config(account))
    # Checking 500 queries one by one costs as much as all the rest of asking; mypy has checked them.
    config = _config(account).merge(Config(parameter_validation=False))
    made = make(service, endpoint_url=account.endpoint_url, config=config)
    made.meta.events.register("before-parse.cloudwatch.GetMetricData", lift_columns)
    return made


def _config(account: AwsAccount) -> Config:
    from botocore.config import Config

    return Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=account.read_seconds,
        # Not "adaptive": it holds a worker back for as long as it likes. Our own pace is in monitoring.collector.pace.
        retries={"mode": "standard", "total_max_attempts": account.attempts},
        max_pool_connections=8,
        user_agent_extra="opsportal",
    )


def _session(account: AwsAccount) -> BotocoreSession:
    key = (os.getpid(), account)
    if key not in _sessions:
        _sessions[key] = _assumed(account)
    return _sessions[key]


def _assumed(account: AwsAccount) -> BotocoreSession:
    from botocore.credentials import DeferredRefreshableCredentials

    session = _new_session()
    if account.endpoint_url is not None:
        session.set_credentials(_SIMULATED_KEY, _SIMULATED_KEY)
    if account.role_arn is not None:
        assumed = _new_session()
        # botocore's own resolver sets the credentials of a profile in just this way.
        assumed._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]  # noqa: SLF001
            method="assume-role", refresh_using=_assume(session, account, account.role_arn)
        )
        session = assumed
    return session


def _new_session() -> BotocoreSession:
    from botocore.session import Session

    session = Session()
    # botocore's own parser asks the local zone about each datapoint, and a long answer takes six times as long.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_timestamp)
    return session


def _assume(session: BotocoreSession, account: AwsAccount, role_arn: str) -> Callable[[], dict[str, Any]]:
    """Return what fetches the role's credentials; nothing is asked before the first call needs them."""
    extra: dict[str, Any] = {"RoleSessionName": account.session_name, "DurationSeconds": account.session_seconds}
    if account.external_id:
        extra["ExternalId"] = account.external_id

    def fetch() -> dict[str, Any]:
        from botocore.credentials import AssumeRoleCredentialFetcher
        from botocore.exceptions import NoCredentialsError

        source = session.get_credentials()
        if source is None:
            raise NoCredentialsError
        found: dict[str, Any] = AssumeRoleCredentialFetcher(
            client_creator=_creator(session, account),
            source_credentials=source,
            role_arn=role_arn,
            extra_args=extra,
        ).fetch_credentials()
        return found

    return fetch


def _creator(session: BotocoreSession, account: AwsAccount) -> Callable[..., Any]:
    def create(service: str, **options: Any) -> Any:
        return session.create_client(
            service,
            region_name=account.regions[0],
            endpoint_url=account.endpoint_url,
            **{**options, "config": _config(account)},
        )

    return create


def _parse_timestamp(value: float | str | datetime) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except ValueError:
        parsed = datetime.fromisoformat(value)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
