"""What the five packs declare is what the five guides give."""

import shutil
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from opsportal.packs import pack as packs
from opsportal.packs.documents import PackError
from opsportal.packs.pack import CLOCK_KINDS, DATA, Pack, PackItem, pack_names
from opsportal.packs.services import load_pack

GUIDES = {
    "bookstore": "Bookstore",
    "shop-management": "ShopMgmt",
    "solemate": "SoleMate",
    "phase-09": "Phase09",
    "genai-demo": "GenAIDemo",
}


@cache
def read_pack(name: str) -> Pack:
    """Reading is what other tests try; here once is enough."""
    return packs.read_pack(name)


def _boxes(name: str) -> int:
    return sum(len(item.data["items"]) for item in read_pack(name).of("checklist"))


def _marked(pack: Pack) -> list[PackItem]:
    return [item for item in pack.items if item.kind not in ("platform", "metric")]


def test_the_five_platforms_are_there() -> None:
    assert set(pack_names()) == set(GUIDES)


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_a_metric_is_called_by_words_and_not_by_its_key(name: str) -> None:
    metrics = read_pack(name).of("metric")
    untitled = {word for item in metrics if "title" not in item.data for word in item.key.split(".")[-1].split("-")}
    assert not untitled & {"api", "balancer", "cpu", "db", "guide", "target"}
    assert {"CPU", "Database CPU", "5xx from targets"} <= {item.data.get("title") for item in metrics}


def test_solemate_has_its_38_boxes() -> None:
    assert _boxes("solemate") == 38


def test_phase_09_has_its_29_boxes() -> None:
    counts = [len(item.data["items"]) for item in read_pack("phase-09").of("checklist")]
    assert counts == [7, 5, 5, 5, 7]
    # The other four of the guide are action items of its example review and belong to no list.
    assert sum(counts) == 29


def test_shop_management_has_its_seven_decisions() -> None:
    decisions = [item.data for item in read_pack("shop-management").of("decision")]
    assert [decision["number"] for decision in decisions] == [1, 2, 3, 4, 5, 6, 7]
    assert {decision["date"] for decision in decisions} == {"2024-01-01"}
    assert [decision["number"] for decision in decisions if "alternatives" in decision] == [1]
    assert [decision["number"] for decision in decisions if "implementation" in decision] == [2, 7]
    assert [decision["number"] for decision in decisions if "consequences" not in decision] == [7]


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_a_source_names_the_packs_own_guide(name: str) -> None:
    for item in _marked(read_pack(name)):
        source = item.data.get("source")
        assert source is None or source.startswith(GUIDES[name]), f"{item.kind} {item.key}"


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_a_portal_default_says_why(name: str) -> None:
    for item in _marked(read_pack(name)):
        if item.data.get("portal_default"):
            assert item.data.get("note"), f"{item.kind} {item.key}"


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_what_is_not_in_the_guide_has_no_figure(name: str) -> None:
    for item in _marked(read_pack(name)):
        if item.data.get("not_in_guide"):
            figures = {"minutes", "value", "objective", "rto_minutes"} & set(item.data)
            assert not figures, f"{item.kind} {item.key}"


def test_every_contradiction_stays_visible() -> None:
    found: Counter[str] = Counter()
    for name in GUIDES:
        for item in read_pack(name).items:
            found.update(_conflicts(item.data))
    assert set(found) == {f"C{number}" for number in range(1, 16)}


def _conflicts(data: dict[str, Any]) -> list[str]:
    own = list(data.get("conflicts", ()))
    for inner in (*data.get("levels", ()), data.get("schedule", {})):
        own += inner.get("conflicts", ())
    return own


@pytest.mark.parametrize(
    "name, scheme, levels",
    [
        ("bookstore", "alert", "P0 at_once, P1 at_once, P2 queue, P3 none"),
        ("bookstore", "incident", "Sev 1 at_once, Sev 2 at_once, Sev 3 queue, Sev 4 none"),
        ("solemate", "alert", "P1 at_once, P2 queue, P3 none"),
        ("solemate", "incident", "P1 at_once, P2 at_once, P3 business_hours, P4 business_hours"),
        ("phase-09", "incident", "P0 at_once, P1 business_hours, P2 queue, P3 planned"),
    ],
)
def test_severities_are_the_guides(name: str, scheme: str, levels: str) -> None:
    """M-INC-01 to M-INC-03, whom they page M-CLK-07: what is P1 here is P0 there, each platform keeps its own (C1)."""
    (found,) = [item for item in read_pack(name).of("severity-scheme") if item.key == scheme]
    assert ", ".join(f"{row['label']} {row['paging']}" for row in found.data["levels"]) == levels
    assert [row["rank"] for row in found.data["levels"]] == list(range(1, len(levels.split(",")) + 1))
    assert found.data["source"].startswith(GUIDES[name])


def test_every_incident_level_has_every_clock() -> None:
    for name in GUIDES:
        pack = read_pack(name)
        incident = next(item for item in pack.of("severity-scheme") if item.key == "incident")
        kinds = [item.key.rsplit(".", 1)[1] for item in pack.of("clock")]
        assert len([kind for kind in kinds if kind in CLOCK_KINDS]) == 6 * len(incident.data["levels"])


def test_shop_management_keeps_the_guides_rule_beside_the_fast_one() -> None:
    rules = {item.key: item.data for item in read_pack("shop-management").of("threshold")}
    guide, fast = rules["db-connections"], rules["db-connections-fast"]
    assert (guide["stat"], guide["period"], guide["datapoints"], guide["evaluation_periods"]) == ("Average", 300, 2, 2)
    assert "source" in guide
    assert (fast["stat"], fast["period"], fast["datapoints"], fast["evaluation_periods"]) == ("Maximum", 60, 1, 1)
    assert (fast["value"], fast["comparison"], fast["poll_every"], fast["portal_default"]) == (80, ">", 60, True)


@pytest.mark.parametrize(
    "name, key, minutes",
    [
        ("bookstore", "Sev 1.acknowledge", 15),
        ("bookstore", "Sev 1.escalate", 30),
        ("bookstore", "Sev 4.update", 30),
        ("solemate", "P2.respond", 60),
        ("solemate", "P4.respond", 1440),
        ("phase-09", "P0.resolve", 60),
        ("phase-09", "P2.respond", 120),
        ("phase-09", "P1.review", 2880),
        ("phase-09", "P0.respond", None),
        ("phase-09", "P3.resolve", None),
        ("phase-09", "P1.stakeholder", 15),
        ("phase-09", "P0.stakeholder", None),
        ("phase-09", "P1.page", None),
    ],
)
def test_clocks_are_the_guides(name: str, key: str, minutes: int | None) -> None:
    clock = next(item for item in read_pack(name).of("clock") if item.key == key)
    assert clock.data.get("minutes") == minutes
    assert "source" in clock.data


def test_phase_09_has_three_levels_and_both_sides() -> None:
    rules = {item.key: item.data for item in read_pack("phase-09").of("threshold")}
    table = {"latency": (0.2, 0.5), "error-rate-warning": (0.1, 1), "cpu": (70, 85), "memory": (80, 90),
             "disk": (75, 85), "network": (70, 85), "active-users-high": (5000, 8000)}  # fmt: skip
    assert {key: (rules[key]["warning"], rules[key]["value"]) for key in table} == table
    assert rules["active-users-high"]["other_side"] == {"warning": 1000}
    assert rules["traffic-unusual"]["other_side"] == {"warning": -50, "value": -80}


def test_limits_that_contradict_each_other_name_file_and_line(tmp_path: Path) -> None:
    shutil.copytree(DATA / "phase-09", tmp_path / "phase-09")
    file = tmp_path / "phase-09" / "thresholds.yaml"
    file.write_text(file.read_text().replace("    warning: 70\n", "    warning: 88\n", 1))
    with pytest.raises(PackError, match=r"thresholds.yaml:\d+: thresholds\[4\].value: Limits go outwards"):
        load_pack(str(tmp_path / "phase-09"))
