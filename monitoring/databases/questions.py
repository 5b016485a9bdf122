"""What a platform's PostgreSQL is asked, statement by statement, and what each answer means.

`search_path` is pg_catalog, PostgreSQL 14 or newer; a column that only newer servers have is read through `to_jsonb`.
Every limit is the portal's own default unless a guide is named.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitoring.databases import judging
from monitoring.databases.judging import Facts, Judged

Rows = Sequence[Mapping[str, Any]]
USER_SCHEMAS: Final = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is shown; `unit` as of CloudWatch, "when" for a time, "code" for a statement, "" for text."""

    key: str
    label: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One statement and its judgement. `about` says how the figure comes about and which limit holds."""

    key: str
    title: str
    about: str
    statement: str
    columns: tuple[Column, ...]
    judge: Callable[[Rows, Facts], Judged]
    monitor: bool = False  # without pg_monitor its answer would be a part that looks like the whole
    statements: bool = False  # needs the extension pg_stat_statements, and holds statements to be stripped


FACTS: Final = """
SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS is_replica,
       extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
       extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS up_for,
       pg_database_size(current_database()) AS bytes,
       current_setting('max_connections')::int AS allowed,
       current_setting('autovacuum_freeze_max_age')::int AS freeze_at,
       pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitors, blks_hit AS hit, blks_read AS missed,
       extract(epoch FROM clock_timestamp() - stats_reset)::float8 AS counted_for,
       (SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements') AS statements_in
FROM pg_stat_database WHERE datname = current_database()
"""

_CONNECTIONS: Final = """
SELECT coalesce(state, 'none') AS state, coalesce(nullif(application_name, ''), 'no name') AS app, usename AS role,
       count(*) AS n, (sum(count(*)) OVER ())::int AS used,
       max(extract(epoch FROM clock_timestamp() - coalesce(xact_start, state_change, backend_start)))::float8 AS longest
FROM pg_stat_activity WHERE backend_type = 'client backend'
GROUP BY 1, 2, 3 ORDER BY n DESC, 1, 2, 3 LIMIT 100
"""
_REPLICAS: Final = """
SELECT coalesce(nullif(application_name, ''), pid::text) AS replica, state, sync_state AS sync,
       extract(epoch FROM replay_lag)::float8 AS lag,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                       replay_lsn)::float8 AS behind
FROM pg_stat_replication
UNION ALL
-- All that came was replayed: that is no lag only while more would come.
SELECT 'this server', CASE WHEN r.streams THEN 'replaying' ELSE 'cut off from its primary' END, '',
       CASE WHEN pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()
            THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
            WHEN r.streams THEN 0 END,
       CASE WHEN r.streams THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::float8 END
FROM (SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streams) AS r
WHERE pg_is_in_recovery()
ORDER BY 4 DESC NULLS LAST, 1
"""
_SLOW: Final = """
SELECT queryid::text AS id, left(query, 4000) AS statement, calls, mean_exec_time AS mean, max_exec_time AS longest,
       total_exec_time / 1000 AS total,
       (100 * total_exec_time / nullif(sum(total_exec_time) OVER (), 0))::float8 AS share,
       (SELECT stats_reset FROM {statements}.pg_stat_statements_info) AS since
FROM {statements}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_exec_time DESC, queryid LIMIT 25
"""
_CACHE: Final = """
SELECT schemaname || '.' || relname AS "table", hit, missed,
       (100.0 * hit / nullif(hit + missed, 0))::float8 AS share
FROM (SELECT *, coalesce(heap_blks_hit, 0) + coalesce(idx_blks_hit, 0) AS hit,
             coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0) AS missed FROM pg_statio_user_tables) AS t
ORDER BY missed DESC, 1 LIMIT 50
"""
# What rows need by the width of their columns against what the table takes; pg_stats shows what the reader may read.
_BLOAT: Final = """
WITH widths AS (
    SELECT schemaname, tablename, sum((1 - null_frac) * avg_width) AS width FROM pg_stats WHERE NOT inherited
    GROUP BY 1, 2)
SELECT s.schemaname || '.' || s.relname AS "table", pg_relation_size(s.relid) AS bytes, s.n_live_tup AS live,
       s.n_dead_tup AS dead, (100.0 * s.n_dead_tup / nullif(s.n_live_tup + s.n_dead_tup, 0))::float8 AS share,
       CASE WHEN w.width IS NOT NULL AND c.reltuples >= 0 THEN greatest(0, pg_relation_size(s.relid)
            - ceil(c.reltuples * (w.width + 28) / (current_setting('block_size')::int - 24))
              * current_setting('block_size')::int)::float8 END AS bloat,
       greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed, greatest(s.last_analyze, s.last_autoanalyze) AS analyzed
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
LEFT JOIN widths w ON w.schemaname = s.schemaname AND w.tablename = s.relname
ORDER BY s.n_dead_tup DESC, s.relid LIMIT 50
"""
_WRAPAROUND: Final = """
(SELECT 'database ' || datname AS what, age(datfrozenxid) AS age, mxid_age(datminmxid) AS multixacts,
        (100.0 * greatest(age(datfrozenxid), mxid_age(datminmxid)) / 2147483648)::float8 AS share
 FROM pg_database WHERE datallowconn ORDER BY 2 DESC, 1 LIMIT 20)
UNION ALL
(SELECT n.nspname || '.' || c.relname, age(c.relfrozenxid), mxid_age(c.relminmxid),
        (100.0 * greatest(age(c.relfrozenxid), mxid_age(c.relminmxid)) / 2147483648)::float8
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 't') ORDER BY 2 DESC, 1 LIMIT 20)
"""
_UNUSED: Final = """
SELECT s.schemaname || '.' || s.indexrelname AS index, s.schemaname || '.' || s.relname AS "table",
       pg_relation_size(s.indexrelid) AS bytes, pg_get_indexdef(s.indexrelid) AS definition
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
WHERE s.idx_scan = 0 AND i.indisvalid AND NOT i.indisunique AND NOT i.indisexclusion
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = s.indexrelid)
ORDER BY 3 DESC, 1 LIMIT 100
"""
_FOREIGN_KEYS: Final = f"""
SELECT n.nspname || '.' || t.relname AS "table", k.conname AS "constraint",
       pg_get_constraintdef(k.oid) AS definition, pg_relation_size(t.oid) AS bytes
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND {USER_SCHEMAS}
  AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
      AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
ORDER BY 4 DESC, 1, 2 LIMIT 100
"""  # noqa: S608 - a condition of this file
_INVALID: Final = f"""
SELECT n.nspname || '.' || c.relname AS index, i.indrelid::regclass::text AS "table",
       pg_relation_size(c.oid) AS bytes, pg_get_indexdef(c.oid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind = 'i' AND {USER_SCHEMAS}
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY 3 DESC, 1 LIMIT 100
"""  # noqa: S608 - a condition of this file
# What may hold a password or a command line stays where it is, and so does what an application made up.
_SETTINGS: Final = """
SELECT name, setting || coalesce(' x ' || unit, '') AS live, boot_val || coalesce(' x ' || unit, '') AS usual,
       source, context, pending_restart AS waits
FROM pg_settings
WHERE (source NOT IN ('default', 'client', 'session', 'override') AND setting IS DISTINCT FROM boot_val
       OR pending_restart)
  AND name !~ '(conninfo|password|secret|_command|passphrase|_key)'
  AND (name !~ '[.]' OR name ~ '^(auto_explain|pg_stat_statements|rds|apg)[.]')
ORDER BY pending_restart DESC, name LIMIT 200
"""

_INDEX_COLUMNS: Final = (
    Column("index", "Index"), Column("table", "Table"), Column("definition", "Definition", "code"),
    Column("bytes", "Size", "Bytes"),
)  # fmt: skip
QUESTIONS: Final[Mapping[str, Question]] = {
    question.key: question
    for question in (
        Question(
            "connections", "Connections",
            "Sessions of clients by state and application, of `max_connections`. Warning from 70 %, failed over 80 %.",
            _CONNECTIONS,
            (Column("state", "State"), Column("app", "Application"), Column("role", "Role"),
             Column("longest", "Longest", "Seconds"), Column("n", "Sessions", "Count")),
            judging.connections, monitor=True,
        ),
        Question(
            "replicas", "Replica lag",
            "What streams from this server, or this server as a replica. Warning over 1 s, failed over 30 s. Aurora's "
            "own readers share its storage and do not stream: CloudWatch has their lag.",
            _REPLICAS,
            (Column("replica", "Replica"), Column("state", "State"), Column("sync", "Synchronous"),
             Column("behind", "Behind", "Bytes"), Column("lag", "Lag", "Seconds")),
            judging.replicas, monitor=True,
        ),
        Question(
            "slow", "Slow statements",
            "The statements that took most time by pg_stat_statements, without their values. Warning when one takes "
            "more than 1 s on average over at least 10 calls.",
            _SLOW,
            (Column("statement", "Statement", "code"), Column("calls", "Calls", "Count"),
             Column("mean", "Mean", "Milliseconds"), Column("longest", "Longest", "Milliseconds"),
             Column("total", "In all", "Seconds"), Column("share", "Share", "Percent")),
            judging.slow, monitor=True, statements=True,
        ),
        Question(
            "cache", "Cache hit",
            "Blocks found in shared buffers of all asked for, of the whole database and by table, since the statistics "
            "began. Warning under 99 %, failed under 90 %; the system's own cache is not seen.",
            _CACHE,
            (Column("table", "Table"), Column("hit", "Found", "Count"), Column("missed", "Read", "Count"),
             Column("share", "Hit", "Percent")),
            judging.cache,
        ),
        Question(
            "bloat", "Dead rows and bloat",
            "Dead rows of all rows of a table, by the statistics; bloat is estimated from the width of the columns and "
            "unknown where the reader may not read the table. Warning over 20 % dead (1,000 rows or more), failed over "
            "50 %.",
            _BLOAT,
            (Column("table", "Table"), Column("bytes", "Size", "Bytes"), Column("live", "Rows", "Count"),
             Column("bloat", "Bloat, estimated", "Bytes"), Column("vacuumed", "Vacuumed", "when"),
             Column("analyzed", "Analyzed", "when"), Column("dead", "Dead rows", "Count"),
             Column("share", "Dead", "Percent")),
            judging.bloat,
        ),
        Question(
            "wraparound", "Transaction ids",
            "Age of the oldest transaction and multixact id, of the 2^31 at which PostgreSQL stops writing. Warning at "
            "1.5 times `autovacuum_freeze_max_age`, failed at half of 2^31.",
            _WRAPAROUND,
            (Column("what", "Of"), Column("age", "Age", "Count"), Column("multixacts", "Multixacts", "Count"),
             Column("share", "Of 2^31", "Percent")),
            judging.wraparound,
        ),
        Question(
            "unused", "Unused indexes",
            "Indexes never scanned on this server since its statistics began, without those that keep a constraint. A "
            "warning only once that is 30 days. A crash or a fail-over loses the statistics: where the server tells no "
            "reset, a restart counts as one. Scans on a replica are counted there; a new index looks like an old one.",
            _UNUSED, _INDEX_COLUMNS, judging.unused,
        ),
        Question(
            "foreign-keys", "Foreign keys without an index",
            "A delete or a changed key of the other table reads these tables as a whole.",
            _FOREIGN_KEYS,
            (Column("table", "Table"), Column("constraint", "Constraint"), Column("definition", "Definition", "code"),
             Column("bytes", "Table size", "Bytes")),
            judging.foreign_keys,
        ),
        Question(
            "invalid", "Invalid indexes",
            "What a failed CREATE or REINDEX CONCURRENTLY left: it costs writes and serves no read.",
            _INVALID, _INDEX_COLUMNS, judging.invalid,
        ),
        Question(
            "settings", "Settings",
            "Live settings that differ from PostgreSQL's own default, and those that wait for a restart (a warning). "
            "Settings that may hold a password or a command are left out.",
            _SETTINGS,
            (Column("name", "Setting"), Column("usual", "Default"), Column("source", "Set in"),
             Column("waits", "Waits for a restart"), Column("live", "Live")),
            judging.settings, monitor=True,
        ),
    )
}  # fmt: skip
