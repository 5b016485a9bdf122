"""What is watched, what was seen, what it meant."""

from monitoring.models.alarms import (
    Alarm,
    AlarmOrigin,
    AlarmRule,
    AlarmState,
    AlarmTransition,
    Comparison,
    Missing,
    RuleTerm,
)
from monitoring.models.costs import CostReading
from monitoring.models.evidence import WORST_FIRST, EvidenceResult, TargetDatabase, Verdict
from monitoring.models.marks import Annotation, AnnotationKind, Deployment, Silence, SloExclusion
from monitoring.models.points import Point1d, Point1h, Point1m, Point5m
from monitoring.models.polls import Backfill, PollCoverage, PollRun, RegionPoll
from monitoring.models.resources import Resource, ResourceKind, ResourcePoll
from monitoring.models.slos import Slo, SloBucket, SloTerm, SloVersion
from monitoring.models.sources import AwsAccount, AwsPermission, MetricSource, MissingPoint, Series, ServiceMetric

__all__ = [
    "WORST_FIRST",
    "Alarm",
    "AlarmOrigin",
    "AlarmRule",
    "AlarmState",
    "AlarmTransition",
    "Annotation",
    "AnnotationKind",
    "AwsAccount",
    "AwsPermission",
    "Backfill",
    "Comparison",
    "CostReading",
    "Deployment",
    "EvidenceResult",
    "MetricSource",
    "Missing",
    "MissingPoint",
    "Point1d",
    "Point1h",
    "Point1m",
    "Point5m",
    "PollCoverage",
    "PollRun",
    "RegionPoll",
    "Resource",
    "ResourceKind",
    "ResourcePoll",
    "RuleTerm",
    "Series",
    "ServiceMetric",
    "Silence",
    "Slo",
    "SloBucket",
    "SloExclusion",
    "SloTerm",
    "SloVersion",
    "TargetDatabase",
    "Verdict",
]
