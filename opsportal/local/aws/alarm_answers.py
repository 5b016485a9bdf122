"""The alarm operations of CloudWatch over one book of alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from opsportal.local.aws.alarms import COMPARISONS, HISTORY_SECONDS, AlarmBook, Change, HeldAlarm
from opsportal.local.aws.calls import AnswerError, Call, Handler, moment, page, seconds_of

_MISSING: Final = frozenset({"missing", "notBreaching", "breaching", "ignore"})
_STATES: Final = frozenset({"OK", "ALARM", "INSUFFICIENT_DATA"})


def handlers(book: AlarmBook) -> dict[str, Handler]:
    """Return the alarm operations over one book, by operation name."""

    def put_metric_alarm(call: Call) -> dict[str, Any]:
        definition = {key: call.params[key] for key in call.params}
        _check_definition(definition)
        book.put(call, definition)
        return {}

    def delete_alarms(call: Call) -> dict[str, Any]:
        book.delete(call, list(call.params["AlarmNames"]))
        return {}

    def set_alarm_state(call: Call) -> dict[str, Any]:
        alarm = book.held(call).get(str(call.params["AlarmName"]))
        state = str(call.params["StateValue"])
        if alarm is None:
            raise AnswerError("ResourceNotFound", "There is no alarm of that name.")
        if state not in _STATES:
            raise AnswerError("InvalidParameterValue", f"{state} is no alarm state.")
        alarm.turn(call.now.timestamp(), state, str(call.params["StateReason"]))
        return {}

    def describe_alarms(call: Call) -> dict[str, Any]:
        return _describe(call, book.held(call))

    def describe_alarm_history(call: Call) -> dict[str, Any]:
        return _history(call, book.held(call))

    return {
        "PutMetricAlarm": put_metric_alarm,
        "DeleteAlarms": delete_alarms,
        "SetAlarmState": set_alarm_state,
        "DescribeAlarms": describe_alarms,
        "DescribeAlarmHistory": describe_alarm_history,
    }


def _check_definition(definition: Mapping[str, Any]) -> None:
    if definition.get("Metrics") or definition.get("ComparisonOperator") not in COMPARISONS:
        raise AnswerError(
            "ValidationError", "The simulated CloudWatch evaluates alarms on one metric and a fixed threshold."
        )
    if (definition.get("TreatMissingData") or "missing") not in _MISSING:
        raise AnswerError("ValidationError", "TreatMissingData must be missing, notBreaching, breaching or ignore.")
    if int(definition.get("DatapointsToAlarm") or 1) > int(definition["EvaluationPeriods"]):
        raise AnswerError("ValidationError", "DatapointsToAlarm must be at most EvaluationPeriods.")


def _describe(call: Call, held: Mapping[str, HeldAlarm]) -> dict[str, Any]:
    params = call.params
    rows = [
        _alarm_row(alarm, call)
        for name, alarm in sorted(held.items())
        if (not params.get("AlarmNames") or name in params["AlarmNames"])
        and name.startswith(params.get("AlarmNamePrefix") or "")
        and params.get("StateValue") in {None, alarm.state}
    ]
    shown, token = page(rows, params.get("NextToken"), params.get("MaxRecords") or 50)
    return {"MetricAlarms": shown, "CompositeAlarms": []} | ({"NextToken": token} if token else {})


def _alarm_row(alarm: HeldAlarm, call: Call) -> dict[str, Any]:
    return {
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        **alarm.definition,
        "AlarmArn": f"arn:aws:cloudwatch:{call.region}:{call.account}:alarm:{alarm.definition['AlarmName']}",
        "AlarmConfigurationUpdatedTimestamp": moment(alarm.born),
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": moment(alarm.changed),
        "StateTransitionedTimestamp": moment(alarm.changed),
    }


def _history(call: Call, held: Mapping[str, HeldAlarm]) -> dict[str, Any]:
    params = call.params
    start = seconds_of(params["StartDate"]) if params.get("StartDate") else 0.0
    end = seconds_of(params["EndDate"]) if params.get("EndDate") else float("inf")
    oldest = call.now.timestamp() - HISTORY_SECONDS
    rows = [
        (change.at, name, change)
        for name, alarm in held.items()
        for change in alarm.history
        if max(start, oldest) <= change.at < end and params.get("AlarmName") in {None, name}
    ]
    if params.get("HistoryItemType") not in {None, "StateUpdate"}:
        rows = []
    rows.sort(key=lambda row: row[:2], reverse=params.get("ScanBy") != "TimestampAscending")
    shown, token = page([_history_row(*row) for row in rows], params.get("NextToken"), params.get("MaxRecords"))
    return {"AlarmHistoryItems": shown} | ({"NextToken": token} if token else {})


def _history_row(at: float, name: str, change: Change) -> dict[str, Any]:
    data = {
        "version": "1.0",
        "oldState": {"stateValue": change.before},
        "newState": {"stateValue": change.after, "stateReason": change.reason},
    }
    return {
        "AlarmName": name,
        "AlarmType": "MetricAlarm",
        "Timestamp": moment(at),
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {change.before} to {change.after}",
        "HistoryData": json.dumps(data),
    }
