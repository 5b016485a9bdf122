"""Datapoints on CloudWatch's own ladder: a minute for 15 days, 5 minutes for 63, an hour for 455, a day for ever.

Averages are sum/n. Percentiles stand only where CloudWatch was asked for them at that period; they are never averaged.
The tables are partitioned (migration `0002_partitions`) and written by `monitoring.store` alone.
"""

from django.db import models

from monitoring.models.sources import Series


class _Point(models.Model):
    ts = models.DateTimeField()
    n = models.FloatField(null=True)
    sum = models.FloatField(null=True)
    min = models.FloatField(null=True)
    max = models.FloatField(null=True)
    p50 = models.FloatField(null=True)
    p95 = models.FloatField(null=True)
    p99 = models.FloatField(null=True)
    below = models.FloatField(null=True)
    rev = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


class Point1m(_Point):
    pk = models.CompositePrimaryKey("series_id", "ts")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, related_name="+", db_index=False)

    class Meta:
        db_table = "monitoring_point_1m"


class Point5m(_Point):
    pk = models.CompositePrimaryKey("series_id", "ts")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, related_name="+", db_index=False)

    class Meta:
        db_table = "monitoring_point_5m"


class Point1h(_Point):
    pk = models.CompositePrimaryKey("series_id", "ts")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, related_name="+", db_index=False)

    class Meta:
        db_table = "monitoring_point_1h"


class Point1d(_Point):
    pk = models.CompositePrimaryKey("series_id", "ts")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, related_name="+", db_index=False)

    class Meta:
        db_table = "monitoring_point_1d"
