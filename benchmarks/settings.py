"""The portal's own settings with the limits' routes beside its own."""

from opsportal.settings import *  # noqa: F403 - these are those settings

ROOT_URLCONF = "benchmarks.urls"
MIDDLEWARE = ["benchmarks.uncached.uncached", *MIDDLEWARE]  # noqa: F405 - from the line above
ROUTE_ACTIONS = {
    **ROUTE_ACTIONS,  # noqa: F405 - as above
    "limit-session": "dashboard.today_view",
    "limit-naive": "incidents.incident_view",
    "limit-today": "dashboard.today_view",
}
