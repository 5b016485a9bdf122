"""Routes of monitoring."""

from django.urls import URLPattern, path

from monitoring.views import acting, actions, aws, charts, pages, runbooks, slos, upkeep

app_name = "monitoring"
urlpatterns: list[URLPattern] = [
    path("monitoring/", pages.overview, name="overview"),
    path("monitoring/services/<int:pk>/", pages.service, name="service"),
    path("monitoring/alarms/", pages.alarms, name="alarms"),
    path("monitoring/alarms/of-runbook/<int:pk>/", runbooks.runbook_alarms, name="runbook-alarms"),
    path("monitoring/alarms/<int:pk>/", pages.alarm, name="alarm"),
    path("monitoring/alarms/<int:pk>/silence/", actions.silence, name="silence"),
    path("monitoring/silences/<int:pk>/end/", actions.silence_end_action, name="silence-end"),
    path("monitoring/resources/", pages.resources, name="resources"),
    path("act/", acting.act, name="act"),
    path("monitoring/capacity/", upkeep.capacity, name="capacity"),
    path("monitoring/cost/", upkeep.cost, name="cost"),
    path("monitoring/quality/", upkeep.quality, name="quality"),
    path("monitoring/polls/", pages.polls, name="polls"),
    path("monitoring/polls/<int:pk>/", pages.poll_run, name="poll-run"),
    path("monitoring/metrics/<int:pk>/chart/", charts.metric_chart, name="metric-chart"),
    path("monitoring/metrics/<int:pk>/chart.svg", charts.metric_chart_svg, name="metric-chart-svg"),
    path("monitoring/series/<int:pk>/chart/", charts.series_chart, name="series-chart"),
    path("monitoring/series/<int:pk>/chart.svg", charts.series_chart_svg, name="series-chart-svg"),
    path("monitoring/services/<int:pk>/charts/", charts.service_charts, name="service-charts"),
    path("monitoring/series/<int:pk>/points.csv", charts.series_csv, name="series-csv"),
    path("monitoring/series/<int:pk>/query/", charts.series_query, name="series-query"),
    path("monitoring/series/<int:pk>/points/", pages.series_points, name="series-points"),
    path("slos/", slos.slos, name="slos"),
    path("slos/<int:pk>/", slos.slo, name="slo"),
    path("slos/<int:pk>/buckets/", slos.slo_buckets, name="slo-buckets"),
    path("slos/<int:pk>/exclusions/new/", actions.exclusion, name="slo-exclusion"),
    path("slos/exclusions/<int:pk>/void/", actions.exclusion_take_back, name="slo-exclusion-void"),
    path("settings/aws/", aws.aws_accounts, name="connect-aws"),
    path("settings/aws/connect/", aws.aws_connect_action, name="aws-connect"),
    path("settings/aws/<int:pk>/", aws.aws_account, name="aws-account"),
    path("settings/aws/<int:pk>/change/", aws.aws_change_action, name="aws-change"),
    path("settings/aws/<int:pk>/check/", aws.aws_check_action, name="aws-check"),
    path("settings/aws/<int:pk>/platforms/", aws.aws_source_action, name="aws-source"),
    path("settings/aws/<int:pk>/disconnect/", aws.aws_disconnect_action, name="aws-disconnect"),
]
