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
from monitoring.models.evidence import WORST_FIRST, EvidenceResult, TargetDatabase, Verdict
from monitoring.models.intake import (
    AlarmRating,
    Alert,
    AlertSource,
    AlertSubject,
    InboundMessage,
    InboundVerdict,
    SnsTopic,
    SourceKind,
    TopicState,
    Usefulness,
)
from monitoring.models.marks import Annotation, AnnotationKind, Deployment, Silence, SloExclusion
from monitoring.models.points import Point1d, Point1h, Point1m, Point5m
from monitoring.models.polls import Backfill, PollCoverage, PollRun, RegionPoll
from monitoring.models.resources import Resource, ResourceKind, ResourcePoll
from monitoring.models.slos import BudgetPolicy, Slo, SloBucket, SloTerm, SloVersion, WindowKind
from monitoring.models.sources import AwsAccount, AwsPermission, MetricSource, MissingPoint, Series, ServiceMetric

__all__ = [
    "WORST_FIRST",
    "Alarm",
    "AlarmOrigin",
    "AlarmRating",
    "AlarmRule",
    "AlarmState",
    "AlarmTransition",
    "Alert",
    "AlertSource",
    "AlertSubject",
    "Annotation",
    "AnnotationKind",
    "AwsAccount",
    "AwsPermission",
    "Backfill",
    "BudgetPolicy",
    "Comparison",
    "Deployment",
    "EvidenceResult",
    "InboundMessage",
    "InboundVerdict",
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
    "SnsTopic",
    "SourceKind",
    "TargetDatabase",
    "TopicState",
    "Usefulness",
    "Verdict",
    "WindowKind",
]
