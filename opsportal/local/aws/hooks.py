"""Where our answers meet moto: one hook in its dispatch, and moto's own serialisers for the way out.

These are private parts of the pinned moto; the contract test walks every operation through them.
An operation that is not in the table goes on to moto itself.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final

import orjson
from moto.acm.responses import AWSCertificateManagerResponse
from moto.backup import urls as backup_urls
from moto.backup.responses import BackupResponse
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.responses import ELBV2Response
from moto.rds.responses import RDSResponse
from moto.sts.responses import TokenResponse

from opsportal.local.aws import databases, identity, metricdata, puts, services
from opsportal.local.aws.alarm_answers import handlers
from opsportal.local.aws.alarms import AlarmBook
from opsportal.local.aws.calls import AnswerError, Handler, MetricAnswer, make_call
from opsportal.local.aws.world import World

_CLASSES: Final[dict[str, type[BaseResponse]]] = {
    "acm": AWSCertificateManagerResponse,
    "backup": BackupResponse,
    "cloudwatch": CloudWatchResponse,
    "ecs": EC2ContainerServiceResponse,
    "elbv2": ELBV2Response,
    "rds": RDSResponse,
    "sts": TokenResponse,
}


def operations(world: World) -> dict[tuple[str, str], Handler]:
    """Return every operation the simulator answers itself, by boto3 service and operation."""
    cloudwatch: dict[str, Handler] = {
        "GetMetricData": metricdata.get_metric_data,
        "GetMetricStatistics": metricdata.get_metric_statistics,
        "ListMetrics": puts.list_metrics,
        "PutMetricData": puts.put_metric_data,
        **handlers(AlarmBook(world)),
    }
    return {
        ("acm", "DescribeCertificate"): services.describe_certificate,
        ("acm", "ListCertificates"): services.list_certificates,
        ("backup", "ListBackupJobs"): databases.list_backup_jobs,
        ("ecs", "DescribeServices"): services.describe_services,
        ("ecs", "ListClusters"): services.list_clusters,
        ("ecs", "ListServices"): services.list_services,
        ("elbv2", "DescribeLoadBalancers"): services.describe_load_balancers,
        ("elbv2", "DescribeTargetGroups"): services.describe_target_groups,
        ("elbv2", "DescribeTargetHealth"): services.describe_target_health,
        ("rds", "DescribeDBClusterSnapshots"): databases.describe_db_cluster_snapshots,
        ("rds", "DescribeDBClusters"): databases.describe_db_clusters,
        ("rds", "DescribeDBInstances"): databases.describe_db_instances,
        ("rds", "DescribeDBSnapshots"): databases.describe_db_snapshots,
        ("rds", "DescribeEvents"): databases.describe_events,
        ("sts", "AssumeRole"): identity.assume_role,
        ("sts", "GetCallerIdentity"): identity.get_caller_identity,
        **{("cloudwatch", name): handler for name, handler in cloudwatch.items()},
    }


def install(world: World) -> None:
    """Hook the simulator into moto's response classes. Call it once, before the first request."""
    table = operations(world)
    for service, response in _CLASSES.items():
        response.call_action = _hooked(world, service, table, response.call_action)  # type: ignore[method-assign]
    BaseResponse.get_current_account = _account  # type: ignore[method-assign]
    # moto has no path for the jobs of AWS Backup.
    backup_urls.url_paths["{0}/backup-jobs/?$"] = BackupResponse.dispatch


def _account(self: BaseResponse) -> str:
    return identity.account_of(self.get_access_key())


def _hooked(world: World, service: str, table: Mapping[tuple[str, str], Handler], original: Any) -> Any:
    def call_action(self: BaseResponse) -> Any:
        operation = self._get_action()
        try:
            identity.check_allowed(self.current_account, service, operation)
            handler = table.get((service, operation))
            if handler is None:
                return original(self)
            if not self.automated_parameter_parsing:
                self.parse_parameters(self.normalized_request)
            found = handler(make_call(world, self.current_account, self.region, self.params))
        except AnswerError as error:
            return self.serialized(ActionResult(_exception(service, error.code, error.message)))
        except Exception:  # noqa: BLE001  AWS answers 500 for a fault of its own; our log has to say which
            traceback.print_exc()
            failed = _exception(service, "InternalFailure", "The simulator failed; its log says why.")
            return self.serialized(ActionResult(failed))
        if isinstance(found, MetricAnswer):
            return 200, {"content-type": "application/x-amz-json-1.0"}, _columns(found)
        return self.serialized(ActionResult(found))

    return call_action


def _exception(service: str, code: str, message: str) -> ServiceException:
    """Return the error as moto's serialiser wants it: it reads the service from the name of the module."""
    kind: type[ServiceException] = type(
        "SimulatedError", (ServiceException,), {"__module__": f"moto.{service}.exceptions"}
    )
    return kind(code, message)


def _columns(answer: MetricAnswer) -> bytes:
    """Write the answer of GetMetricData straight as JSON: moto's serialiser takes thirty times as long."""
    rows = [
        {
            "Id": column.identity,
            "Label": column.label,
            "Timestamps": column.times,
            "Values": column.values,
            "StatusCode": column.status,
        }
        for column in answer.results
    ]
    document: dict[str, Any] = {"MetricDataResults": rows}
    if answer.next_token:
        document["NextToken"] = answer.next_token
    return orjson.dumps(document)
