"""Checklists with their items, windows and jobs."""

from datetime import datetime
from typing import Any

from maintenance.models import ChecklistItemTemplate, ChecklistTemplate, Job, Window
from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, provenance, row_provenance, save, source_columns
from opsportal.platforms.models import Environment, Platform, Service


def _schedule(data: Data, context: Context) -> Data:
    """Rule and zone; a local rule without a zone is read in its environment's."""
    schedule = data["schedule"]
    zone = schedule.get("zone") or context.zones.get(data["environment"], "UTC")
    return {"cron": schedule["cron"], "zone": zone}


def _declare_schedule(data: Data, context: Context) -> Data:
    inner = {name: value for name, value in data.items() if name not in ("cron", "zone")}
    del context
    return {**inner, "schedule": {"cron": data["cron"], "zone": data["zone"]}}


def _environment(platform: Platform, key: str) -> Environment | None:
    return Environment.objects.get(platform=platform, key=key) if key else None


def _checklist_shape(data: Data, context: Context) -> Data:
    own = pick(data, name="", environment="", opens_before_minutes=30, due_after_minutes=60, mode="do_confirm", note="")
    items = [pick(item, key="", text="", section="", checks=[]) for item in data["items"]]
    for item in items:
        item["checks"] = [{"check": check["check"], "params": check.get("params", {})} for check in item["checks"]]
    return {**own, **_schedule(data, context), "items": items, **provenance(data)}


def _checklist(row: ChecklistTemplate) -> Data:
    items = sorted(row.items.all(), key=lambda item: (item.position, item.pk))
    return {
        "name": row.name,
        "environment": row.environment.key if row.environment else "",
        "opens_before_minutes": row.opens_before_minutes,
        "due_after_minutes": row.due_after_minutes,
        "mode": row.mode,
        "note": row.note,
        "cron": row.rule,
        "zone": row.zone,
        "items": [{"key": i.key, "text": i.text, "section": i.section, "checks": i.checks} for i in items],
        **row_provenance(row),
    }


def _checklist_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by
    source = source_columns(data)
    columns = {
        "name": data["name"],
        "environment": _environment(platform, data["environment"]),
        "opens_before_minutes": data["opens_before_minutes"],
        "due_after_minutes": data["due_after_minutes"],
        "mode": data["mode"],
        "note": data["note"],
        "rule": data["cron"],
        "zone": data["zone"],
        **source,
    }
    found = ChecklistTemplate.objects.filter(platform=platform, key=key).first()
    template: Any = save(found, lambda: ChecklistTemplate(platform=platform, key=key, active_since=at), columns)
    present = {item.key: item for item in template.items.all()}
    for position, item in enumerate(data["items"], start=1):
        fields = {**item, "position": position, **source}
        own = present.pop(item["key"], None)
        save(own, lambda: ChecklistItemTemplate(template=template), fields)
    for gone in present.values():
        gone.delete()  # items of past runs keep their own text


def _checklist_declare(data: Data, context: Context) -> Data:
    items = [{name: value for name, value in item.items() if value not in ("", [])} for item in data["items"]]
    return {**_declare_schedule(data, context), "items": items}


CHECKLIST = Kind(
    name="checklist",
    load=lambda platform: {
        row.key: _checklist(row)
        for row in platform.checklist_templates.select_related("environment").prefetch_related("items").order_by("pk")
    },
    write=_checklist_write,
    shape=_checklist_shape,
    declare=_checklist_declare,
)


def _window_shape(data: Data, context: Context) -> Data:
    own = pick(data, name="", environment="", duration_minutes=0, silences=True, excludes_slo=True, note="")
    return {**own, "services": sorted(data.get("services", [])), **_schedule(data, context), **provenance(data)}


def _window(row: Window) -> Data:
    return {
        "name": row.name,
        "environment": row.environment.key if row.environment else "",
        "duration_minutes": row.duration_minutes,
        "silences": row.silences_alarms,
        "excludes_slo": row.excludes_slo,
        "note": row.note,
        "services": sorted(service.key for service in row.services.all()),
        "cron": row.rule,
        "zone": row.zone,
        **row_provenance(row),
    }


def _window_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    columns = {
        "name": data["name"],
        "environment": _environment(platform, data["environment"]),
        "duration_minutes": data["duration_minutes"],
        "silences_alarms": data["silences"],
        "excludes_slo": data["excludes_slo"],
        "note": data["note"],
        "rule": data["cron"],
        "zone": data["zone"],
        **source_columns(data),
    }
    found = Window.objects.filter(platform=platform, key=key).first()
    window: Any = save(found, lambda: Window(platform=platform, key=key), columns)
    window.services.set(Service.objects.filter(platform=platform, key__in=data["services"]))


def _window_load(platform: Platform) -> dict[str, Data]:
    # A span opened by hand has no rule and belongs to no pack.
    rows = platform.windows.exclude(rule="").select_related("environment").prefetch_related("services")
    return {row.key: _window(row) for row in rows.order_by("pk")}


WINDOW = Kind(
    name="window",
    load=_window_load,
    write=_window_write,
    shape=_window_shape,
    declare=_declare_schedule,
)


def _job_shape(data: Data, context: Context) -> Data:
    del context
    own = pick(data, name="", kind="", window="", params={}, plan_lead_minutes=1440)
    return {**own, **provenance(data)}


def _job(row: Job) -> Data:
    own = {"name": row.name, "kind": row.kind, "window": row.window.key, "params": row.params}
    return {**own, "plan_lead_minutes": row.plan_lead_minutes, **row_provenance(row)}


def _job_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    columns = {
        "name": data["name"],
        "kind": data["kind"],
        "window": Window.objects.get(platform=platform, key=data["window"]),
        "params": data["params"],
        "plan_lead_minutes": data["plan_lead_minutes"],
        **source_columns(data),
    }
    row = Job.objects.filter(platform=platform, key=key).first()
    save(row, lambda: Job(platform=platform, key=key), columns)


JOB = Kind(
    name="job",
    load=lambda platform: {row.key: _job(row) for row in platform.jobs.select_related("window").order_by("pk")},
    write=_job_write,
    shape=_job_shape,
)
