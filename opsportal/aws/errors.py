"""What can go wrong on the way to AWS, in words a page can show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from opsportal.aws.session import AwsAccount

_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "NotAuthorized",
        "NotAuthorizedException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "SubscriptionRequiredException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
_THROTTLED: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
_SILENT: Final = frozenset(
    {"ConnectTimeoutError", "ConnectionClosedError", "EndpointConnectionError", "ReadTimeoutError"}
)
_SERVER_FAULT: Final = 500
_DETAIL_LENGTH: Final = 500


class AwsError(Exception):
    """A call to AWS gave no answer. The values already stored are kept.

    `what` names the operation, region and account; `permission` the IAM action it needs;
    `detail` is what AWS said; `kept` says what the portal goes on showing.
    """

    kept: ClassVar[str] = "The last stored values are kept and shown as stale."

    def __init__(self, *, what: str, permission: str, code: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what
        self.permission = permission
        self.code = code
        self.detail = detail


class AwsDeniedError(AwsError):
    """The role may not do this, or its credentials are not accepted."""


class AwsThrottledError(AwsError):
    """AWS asked us to slow down and the retries were used up."""

    kept = "The last stored values are kept; the next poll goes on from where this one stopped."


class AwsUnreachableError(AwsError):
    """No answer in time, or a server fault on the side of AWS."""

    @property
    def is_silence(self) -> bool:
        """Whether nothing came at all: whoever asks the next question waits as long."""
        return self.code in _SILENT


class AwsRejectedError(AwsError):
    """AWS understood the call and refused it, for example a resource that does not exist."""


@contextmanager
def guard(account: AwsAccount, region: str, permission: str) -> Iterator[None]:
    """Turn whatever boto3 raises inside the block into an AwsError."""
    # Only who asks AWS loads its library.
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
    from botocore.parsers import ResponseParserError

    what = f"{permission} in {region} of account {account.account_id}"
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        text = str(error.response.get("Error", {}).get("Message", error))[:_DETAIL_LENGTH]
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise _kind(code, status)(what=what, permission=permission, code=code, detail=text) from error
    except (BotoCoreError, ResponseParserError) as error:
        text = str(error)[:_DETAIL_LENGTH]
        is_unsigned = isinstance(error, (NoCredentialsError, PartialCredentialsError))
        kind = AwsDeniedError if is_unsigned else AwsUnreachableError
        raise kind(what=what, permission=permission, code=type(error).__name__, detail=text) from error


def _kind(code: str, status: int) -> type[AwsError]:
    if code in _DENIED:
        return AwsDeniedError
    if code in _THROTTLED:
        return AwsThrottledError
    return AwsUnreachableError if status >= _SERVER_FAULT else AwsRejectedError
