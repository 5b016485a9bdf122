"""OpenSLO v1: what the portal writes it reads back; what it could not keep is refused by line."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from monitoring.models import Slo
from opsportal.packs.documents import PackError
from opsportal.packs.openslo import read
from opsportal.platforms.models import Platform
from tests.factories.monitoring import slo_of, term

TERM = "{namespace: AWS/ApplicationELB, metric: RequestCount, dimensions: {LoadBalancer: x}, stat: Sum}"
GOOD = f"""apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout
  displayName: Checkout works
spec:
  service: web
  indicator:
    metadata: {{name: checkout-indicator}}
    spec:
      ratioMetric:
        counter: true
        total: {{metricSource: {{type: CloudWatch, spec: {{terms: [{TERM}]}}}}}}
        bad: {{metricSource: {{type: CloudWatch, spec: {{terms: [{TERM}]}}}}}}
  timeWindow:
    - duration: 1M
      isRolling: false
      calendar: {{startTime: "2026-01-01 00:00:00", timeZone: Europe/Berlin}}
  budgetingMethod: Occurrences
  objectives:
    - target: 0.995
"""


def test_a_calendar_window_and_a_ratio_are_read() -> None:
    [found] = read(GOOD, "slo.yaml")
    assert (found.key, found.service, found.values["name"]) == ("checkout", "web", "Checkout works")
    assert (found.values["window_kind"], found.values["zone"]) == ("month", "Europe/Berlin")
    assert str(found.values["objective"].normalize()) == "99.5"


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("kind: SLO", "kind: AlertPolicy", 2, "is not SLO"),
        ("openslo/v1", "openslo/v2alpha", 1, "is not openslo/v1"),
        ("  budgetingMethod: Occurrences", "  budgetingMethod: RatioTimeslices", 19, "ratios of slices"),
        ("        counter: true", "        counter: false", 12, "ratios are not averaged"),
        ("      ratioMetric:", "      rawMetric: x\n      ratioMetric:", 11, "cannot be kept here"),
        ("    - target: 0.995", "    - target: 0.995\n    - target: 0.9", 20, "exactly one objective"),
        ("    - target: 0.995", "    - target: 1.0", 21, "between 0 and 100"),
        ("    - target: 0.995", "    - target: .nan", 21, "between 0 and 100"),
        ("    - duration: 1M", "    - duration: 2M", 16, "calendar window"),
        ("2026-01-01 00:00:00", "2026-01-15 00:00:00", 18, "no midnight"),
        ("Europe/Berlin", "Europe/Atlantis", 18, "no time zone"),
        ("  service: web", "  service: web\n  alertPolicies: [x]", 8, "cannot be kept here"),
        ("  name: checkout\n", "  name: Check out\n", 4, "small letters"),
        ("type: CloudWatch", "type: Prometheus", 13, "is not CloudWatch"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_by_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(PackError) as refused:
        read(GOOD.replace(old, new, 1), "slo.yaml")
    told = [(problem.line, problem.message) for problem in refused.value.problems]
    assert any(number == line and words in message for number, message in told), told


@given(st.text(max_size=200) | st.sampled_from(GOOD.splitlines()).map(lambda line: GOOD.replace(line, "")))
def test_any_text_is_read_or_refused(text: str) -> None:
    lines = []
    try:
        found = read(text, "slo.yaml")
    except PackError as error:
        found, lines = [], [problem.line for problem in error.problems]
    assert bool(found) != bool(lines)
    assert all(line >= 1 for line in lines)


@pytest.mark.django_db
def test_what_is_exported_is_imported_as_it_was(
    platform: Platform, at: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slo_of(platform, at=at, window_kind="quarter", zone="Europe/Berlin")  # type: ignore[arg-type]
    slo_of(platform, at=at, key="speed", objective=95, indicator={  # type: ignore[arg-type]
        "method": "timeslices", "value_of": term("RequestCount", stat="Sum"), "comparison": "ge", "value": 1000,
        "per_second": True})  # fmt: skip
    call_command("openslo", "export", platform.key)
    path = tmp_path / "slos.yaml"
    path.write_text(capsys.readouterr().out)
    call_command("openslo", "import", platform.key, str(path))
    assert [slo.versions.count() for slo in Slo.objects.filter(platform=platform)] == [1, 1]
    path.write_text(path.read_text().replace("targetPercent: 95.0", "targetPercent: 96.0"))
    call_command("openslo", "import", platform.key, str(path))
    assert sorted(slo.versions.count() for slo in Slo.objects.filter(platform=platform)) == [1, 2]
    path.write_text(path.read_text().replace("kind: SLO", "kind: Service", 1))
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("openslo", "import", platform.key, str(path))
