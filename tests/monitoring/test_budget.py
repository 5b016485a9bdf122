"""What polling will cost, and how far it must slow down."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from monitoring.collector.budget import Load, forecast, month_end, pace_within
from monitoring.models.sources import PACES

PRICE = 0.00001
START = datetime(2026, 4, 1, tzinfo=UTC)
THOUSAND = Load(common=1000, critical=0, percentiles=0, hourly=0)


def test_a_thousand_metrics_every_five_minutes_cost_what_the_price_list_says() -> None:
    assert round(forecast(THOUSAND, (300, 60), spent=0, price=PRICE, at=START), 2) == 86.40
    critical = Load(common=0, critical=1000, percentiles=0, hourly=0)
    assert round(forecast(critical, (300, 60), spent=0, price=PRICE, at=START), 2) == 432.00


def test_the_end_of_the_month_is_the_first_of_the_next() -> None:
    assert month_end(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert month_end(datetime(2028, 2, 1, tzinfo=UTC)) == datetime(2028, 3, 1, tzinfo=UTC)


def test_polling_slows_in_steps_and_critical_series_last() -> None:
    load = Load(common=1000, critical=100, percentiles=0, hourly=0)
    caps = (130.0, 129.0, 70.0, 50.0, 10.0)
    assert [pace_within(load, PACES, spent=0, price=PRICE, cap=cap, at=START) for cap in caps] == [0, 1, 2, 3, 4]


def test_what_was_spent_counts() -> None:
    assert pace_within(THOUSAND, PACES, spent=0, price=PRICE, cap=90, at=START) == 0
    assert pace_within(THOUSAND, PACES, spent=10, price=PRICE, cap=90, at=START) == 1


@given(st.integers(0, 5000), st.integers(0, 500), st.floats(0, 500), st.floats(0, 500))
def test_the_chosen_pace_stays_within_the_cap_or_is_the_slowest(
    common: int, critical: int, spent: float, cap: float
) -> None:
    load = Load(common, critical, percentiles=critical, hourly=0)
    pace = pace_within(load, PACES, spent=spent, price=PRICE, cap=cap, at=START)
    after = [forecast(load, every, spent=spent, price=PRICE, at=START) for every in PACES]
    assert after[pace] <= cap or pace == len(PACES) - 1
    assert all(cost > cap for cost in after[:pace])
