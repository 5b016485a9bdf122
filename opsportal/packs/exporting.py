"""The present state of a platform written back as a pack."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from opsportal.packs.documents import SECTIONS
from opsportal.packs.kinds import KINDS, Context, Data, canonical
from opsportal.packs.kinds.base import PROVENANCE
from opsportal.packs.models import PackObject
from opsportal.packs.pack import CLOCK_KINDS
from opsportal.platforms.models import Platform

LISTS: Final = {
    "services.yaml": ("service", "services"),
    "thresholds.yaml": ("threshold", "thresholds"),
    "slos.yaml": ("slo", "slos"),
    "checklists.yaml": ("checklist", "checklists"),
    "windows.yaml": ("window", "windows"),
    "jobs.yaml": ("job", "jobs"),
    "targets.yaml": ("target", "targets"),
    "policies.yaml": ("policy", "policies"),
}
_ZEROS: Final = ("rto_minutes", "rpo_minutes", "order")
_EMPTY_STAYS: Final = ("dimensions", "levels", "items", "params", "selectors", "context")


def pack_export(platform: Platform) -> dict[str, str]:
    """File name → text of a pack that, applied, would change nothing."""
    return _Export(platform).files()


class _Export:
    """Reads every object of a platform once and arranges them as files."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        rows = PackObject.objects.filter(platform=platform).order_by("pk")
        self.declared: Mapping[tuple[str, str], Data] = {(row.kind, row.key): row.declared for row in rows}
        self.version = next((row.pack_version for row in reversed(rows)), "1.0.0")
        self.order = {known: number for number, known in enumerate(self.declared)}
        self.rows = {name: kind.load(platform) for name, kind in KINDS.items()}
        self.context = self._context()

    def _context(self) -> Context:
        selectors = {}
        for key, row in self.rows["metric"].items():
            data = canonical(row)
            service, metric = key.split(".", 1)
            selectors[service, metric] = {name: data[name] for name in ("namespace", "name", "dimensions", "unit")}
        return Context(selectors, {key: row["zone"] for key, row in self.rows["environment"].items()})

    def objects(self, kind_name: str) -> list[tuple[str, Data]]:
        """Key and declared form of every object of a kind, in the order of the pack it came from."""
        rank = self.order
        keys = sorted(self.rows[kind_name], key=lambda key: rank.get((kind_name, key), len(rank)))
        return [(key, self._declared_form(kind_name, key)) for key in keys]

    def _declared_form(self, kind_name: str, key: str) -> Data:
        kind = KINDS[kind_name]
        here = canonical(self.rows[kind_name][key])
        before = self.declared.get((kind_name, key), {})
        if before and canonical(kind.shape(before, self.context)) == here:
            return before
        own = kind.declare(here, self.context)
        beside = {name: value for name, value in before.items() if name not in own and name not in here}
        if not any(name in own for name in PROVENANCE):
            stated = [name for name in PROVENANCE if name in before]
            own = {**own, **({name: before[name] for name in stated} or {"edited": True})}
        else:
            beside = {name: value for name, value in beside.items() if name not in PROVENANCE}
        return {name: value for name, value in {**own, **beside}.items() if _is_said(name, value)}

    def files(self) -> dict[str, str]:
        """Every file of the pack."""
        texts = {"platform.yaml": _dump(self._head())}
        texts["severities.yaml"] = _dump({"schemes": self._schemes(), "aliases": self._aliases()})
        texts["clocks.yaml"] = _dump({"clocks": self._clocks()})
        for file, (kind, name) in LISTS.items():
            rows = self._services() if kind == "service" else [_keyed(key, data) for key, data in self.objects(kind)]
            texts[file] = _dump({name: rows, **(self._dashboards() if kind == "service" else {})})
        for key, data in self.objects("decision"):
            texts[f"decisions/{key}-{_slug(data['title'])}.md"] = _decision_text(int(key), data)
        for key, data in self.objects("runbook"):
            texts[f"runbooks/{key}.md"] = _runbook_text(data)
        return texts

    def _head(self) -> Data:
        about = dict(self.objects("platform")[0][1])
        guide = about.pop("guide", "") or self.platform.name
        for name in PROVENANCE:
            about.pop(name, None)
        head: Data = {"pack": {"name": self.platform.key, "version": self.version, "guide": guide}}
        head["platform"] = {"key": self.platform.key, **{k: v for k, v in about.items() if k != "key"}}
        for _, document in self.objects("document"):
            head["document"] = document
        for kind in ("environment", "contact", "calendar", "link"):
            head[f"{kind}s"] = [_keyed(key, data) for key, data in self.objects(kind)]
        return head

    def _schemes(self) -> list[Data]:
        rows = []
        for kind, data in self.objects("severity-scheme"):
            row = {"key": kind, "kind": kind, **data}
            origin = {name: row[name] for name in PROVENANCE if name in row}
            row["levels"] = [level if set(PROVENANCE) & set(level) else {**level, **origin} for level in row["levels"]]
            rows.append(row)
        return rows

    def _aliases(self) -> list[Data]:
        return [_keyed(_slug(f"{data['scheme']} {data['alias']}"), data) for _, data in self.objects("severity-alias")]

    def _clocks(self) -> list[Data]:
        rows: dict[str, Data] = {}
        for key, data in self.objects("clock"):
            label, clock = key.rsplit(".", 1)
            rows.setdefault(label, {"severity": label})[clock] = data
        for row in rows.values():
            for clock in CLOCK_KINDS:
                row.setdefault(clock, {"not_in_guide": True})
        return list(rows.values())

    def _dashboards(self) -> Data:
        rows = [_keyed(key, data) for key, data in self.objects("dashboard")]
        return {"dashboards": rows} if rows else {}

    def _services(self) -> list[Data]:
        metrics: dict[str, list[Data]] = {}
        for key, data in self.objects("metric"):
            service, metric = key.split(".", 1)
            own = {name: value for name, value in data.items() if name not in (*PROVENANCE, "position")}
            metrics.setdefault(service, []).append(_keyed(metric, own))
        queries: dict[str, list[Data]] = {}
        for key, data in self.objects("log-query"):
            service, query = key.split(".", 1)
            queries.setdefault(service, []).append(_keyed(query, data))
        rows = []
        for key, data in self.objects("service"):
            asked = {"log_queries": queries[key]} if key in queries else {}
            rows.append({**_keyed(key, data), "metrics": metrics.get(key, []), **asked})
        return rows


def _keyed(key: str, data: Data) -> Data:
    return {"key": key, **{name: value for name, value in data.items() if name != "key"}}


def _is_said(name: str, value: Any) -> bool:
    return value not in (None, "", [], {}) or name in _EMPTY_STAYS or (name in _ZEROS and value is not None)


def _slug(text: str) -> str:
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower()).split()
    return "-".join(words) or "untitled"


class _Dumper(yaml.SafeDumper):
    """SafeDumper without aliases, which make a reviewed file hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _dump(data: Data) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _runbook_text(data: Data) -> str:
    head = _dump({name: value for name, value in data.items() if name != "body"})
    return f"---\n{head}---\n{data.get('body', '')}\n"


def _decision_text(number: int, data: Data) -> str:
    head = {"number": number, **{k: v for k, v in data.items() if k not in (*SECTIONS, "number")}}
    sections = [f"## {name.title()}\n{data[name]}\n" for name in SECTIONS if data.get(name)]
    return f"---\n{_dump(head)}---\n" + "\n".join(sections)
