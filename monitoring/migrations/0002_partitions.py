"""Partition the point tables and let the app role make and drop partitions through two functions of the owner."""

from django.db import migrations

COLUMNS = """(
    series_id integer NOT NULL, ts timestamptz NOT NULL,
    n double precision, sum double precision, min double precision, max double precision,
    p50 double precision, p95 double precision, p99 double precision, below double precision,
    rev smallint NOT NULL DEFAULT 0, PRIMARY KEY (series_id, ts)
)"""

PARTITIONED = "".join(
    f"""
DROP TABLE monitoring_point_{name};
CREATE TABLE monitoring_point_{name} {COLUMNS} PARTITION BY RANGE (ts);
CREATE TABLE monitoring_point_{name}_rest PARTITION OF monitoring_point_{name} DEFAULT;
"""
    for name in ("1m", "5m", "1h")
) + f"DROP TABLE monitoring_point_1d; CREATE TABLE monitoring_point_1d {COLUMNS};"

PLAIN = "".join(
    f"DROP TABLE monitoring_point_{name}; CREATE TABLE monitoring_point_{name} {COLUMNS};" for name in ("1m", "5m", "1h", "1d")
)

# Policy: table, unit of a partition, how long it is kept (CloudWatch's own ladder).
LADDER = """(VALUES ('1m', 'day', interval '15 days'), ('5m', 'week', interval '63 days'), ('1h', 'month', interval '455 days'))"""

ENSURE = f"""
CREATE FUNCTION monitoring_ensure_partitions(from_ts timestamptz, to_ts timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '4s' SET timezone = 'UTC' AS $$
DECLARE
    step record; cursor_ts timestamptz; next_ts timestamptz; part text; made integer := 0;
BEGIN
    IF to_ts < from_ts OR to_ts - from_ts > interval '500 days' THEN
        RAISE EXCEPTION 'monitoring_ensure_partitions: range % to % is refused', from_ts, to_ts;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('monitoring_partitions'));
    FOR step IN SELECT * FROM {LADDER} AS ladder (name, unit, keep) LOOP
        cursor_ts := date_trunc(step.unit, greatest(from_ts, to_ts - step.keep));
        WHILE cursor_ts < to_ts + 3 * ('1 ' || step.unit)::interval LOOP
            next_ts := cursor_ts + ('1 ' || step.unit)::interval;
            part := format('monitoring_point_%s_%s', step.name, to_char(cursor_ts, 'YYYYMMDD'));
            IF to_regclass(part) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE monitoring_point_%s INCLUDING DEFAULTS INCLUDING INDEXES)', part, step.name);
                -- Points that came before their partition wait in the rest; they move in with it.
                EXECUTE format(
                    'WITH moved AS (DELETE FROM monitoring_point_%s_rest WHERE ts >= %L AND ts < %L RETURNING *) '
                    'INSERT INTO %I SELECT * FROM moved', step.name, cursor_ts, next_ts, part);
                EXECUTE format('ALTER TABLE monitoring_point_%s ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    step.name, part, cursor_ts, next_ts);
                made := made + 1;
            END IF;
            cursor_ts := next_ts;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
"""

DROP = f"""
CREATE FUNCTION monitoring_drop_partitions(at_ts timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '4s' SET timezone = 'UTC' AS $$
DECLARE
    step record; part record; dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('monitoring_partitions'));
    FOR step IN SELECT * FROM {LADDER} AS ladder (name, unit, keep) LOOP
        FOR part IN
            SELECT c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') AS starts
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = format('monitoring_point_%s', step.name)::regclass AND c.relname ~ '_[0-9]{{8}}$'
        LOOP
            IF part.starts + ('1 ' || step.unit)::interval < at_ts - step.keep THEN
                EXECUTE format('DROP TABLE %I', part.relname);
                dropped := dropped + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN dropped;
END $$;
"""

STRAY = """
CREATE FUNCTION monitoring_stray_points() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (SELECT count(*) FROM monitoring_point_1m_rest) + (SELECT count(*) FROM monitoring_point_5m_rest)
        + (SELECT count(*) FROM monitoring_point_1h_rest)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_initial")]
    operations = [
        migrations.RunSQL(PARTITIONED, PLAIN),
        migrations.RunSQL(ENSURE, "DROP FUNCTION monitoring_ensure_partitions(timestamptz, timestamptz)"),
        migrations.RunSQL(STRAY, "DROP FUNCTION monitoring_stray_points()"),
        migrations.RunSQL(DROP, "DROP FUNCTION monitoring_drop_partitions(timestamptz)"),
    ]
