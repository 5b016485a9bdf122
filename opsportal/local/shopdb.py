"""The demo's target database: a small shop whose tables fill, churn and bloat.

`python -m opsportal.local.shopdb --dsn URL --aws URL` makes what is missing and then works for ever, so that
checks have something to read and maintenance jobs something to repair. Autovacuum is off on the
busy tables: their dead rows and old statistics wait for the portal's own jobs.
"""

import argparse
import contextlib
import random
import select
import time

import psycopg

from opsportal.local.aws.control import Control, ControlError

SEED = 20260101
CUSTOMERS, PRODUCTS, ORDERS, CARTS = 2_000, 400, 20_000, 5_000
BEAT_SECONDS = 2.0
CHANGES_PER_BEAT = 12
# The load stops adding dead rows to a table of this size, so that a demo left alone stays small.
LARGEST_BYTES = 96 * 1024 * 1024
RECONNECT_SECONDS = 2.0
# While this fault befalls the shop's platform, a report holds sessions until so many are open on the server: the
# runbook's query and check find what the alarm's metric says. Of 120, twenty stay for everybody else.
FAULT, FAULTY_PLATFORM = "db-connections", "shop-management"
SESSIONS_REACHED = 100

TABLES = """
CREATE TABLE IF NOT EXISTS customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    price_cents integer NOT NULL CHECK (price_cents > 0),
    stock integer NOT NULL
) WITH (autovacuum_enabled = false);
CREATE TABLE IF NOT EXISTS orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    product_id bigint NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    state text NOT NULL,
    placed_at timestamptz NOT NULL
) WITH (autovacuum_enabled = false);
CREATE INDEX IF NOT EXISTS orders_state ON orders (state, placed_at);
CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer_id);
CREATE TABLE IF NOT EXISTS carts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    payload text NOT NULL,
    touched_at timestamptz NOT NULL
) WITH (autovacuum_enabled = false);
CREATE INDEX IF NOT EXISTS carts_touched ON carts (touched_at);
"""

# MAINTAIN allows VACUUM, ANALYZE and REINDEX, and nothing else.
RIGHTS = """
GRANT USAGE ON SCHEMA public TO shop_reader, shop_maintainer;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop_reader;
GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO shop_maintainer;
"""

ROWS = f"""
INSERT INTO customers (email, name, created_at)
    SELECT 'customer' || n || '@shop.example', 'Customer ' || n, now() - n * interval '37 minutes'
    FROM generate_series(1, {CUSTOMERS}) AS n;
INSERT INTO products (sku, price_cents, stock)
    SELECT 'SKU-' || lpad(n::text, 5, '0'), 490 + (n * 7919) % 24000, 50 + (n * 31) % 400
    FROM generate_series(1, {PRODUCTS}) AS n;
INSERT INTO orders (customer_id, product_id, quantity, state, placed_at)
    SELECT 1 + (n * 7919::bigint) % {CUSTOMERS}, 1 + (n * 104729::bigint) % {PRODUCTS}, 1 + n % 4, 'shipped',
           now() - n * interval '6 minutes'
    FROM generate_series(1, {ORDERS}) AS n;
INSERT INTO carts (customer_id, payload, touched_at)
    SELECT 1 + n % {CUSTOMERS}, repeat(md5(n::text), 12), now() - n * interval '1 minute'
    FROM generate_series(1, {CARTS}) AS n;
ANALYZE;
"""  # noqa: S608 - numbers of this file


def prepare(connection: psycopg.Connection) -> None:
    """Make tables and first rows where they are missing; a second call changes nothing."""
    with connection.transaction():
        # The tables are made once: two of these processes must not race.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [SEED])
        connection.execute(TABLES)
        connection.execute(RIGHTS)
        if connection.execute("SELECT NOT EXISTS (SELECT FROM customers)").fetchone() == (True,):
            connection.execute(ROWS)


def work(connection: psycopg.Connection, chance: random.Random) -> None:
    """One beat of trade: a few orders placed and shipped, many carts touched; each update leaves a dead row."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO orders (customer_id, product_id, quantity, state, placed_at)"
            " VALUES (%s, %s, %s, 'placed', now())",
            [chance.randint(1, CUSTOMERS), chance.randint(1, PRODUCTS), chance.randint(1, 4)],
        )
        connection.execute(
            "UPDATE orders SET state = 'shipped' WHERE state = 'placed' AND placed_at < now() - interval '1 minute'"
        )
        connection.execute("UPDATE products SET stock = stock - 1 WHERE id = %s", [chance.randint(1, PRODUCTS)])
        size = connection.execute("SELECT pg_total_relation_size('carts')").fetchone()
        if size is not None and size[0] < LARGEST_BYTES:
            carts = [chance.randint(1, CARTS) for _ in range(CHANGES_PER_BEAT)]
            connection.execute("UPDATE carts SET touched_at = now() WHERE id = ANY(%s)", [carts])


class Report:
    """The report of the fault: it holds sessions idle in a transaction; what others end it does not open again."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._held: list[psycopg.Connection] = []
        self._began = False

    def follow(self, *, is_faulty: bool) -> int:
        """Open or close sessions as the fault begins or ends; returns how many are held."""
        if not is_faulty:
            self.close()
        elif not self._began:
            self._began = True
            with contextlib.suppress(psycopg.OperationalError):  # fewer are free than it wants
                self._open()
        # A session that was ended from outside has a farewell to read.
        ended, _, _ = select.select(self._held, [], [], 0)
        for connection in ended:
            connection.close()
            self._held.remove(connection)
        return len(self._held)

    def _open(self) -> None:
        while True:
            connection = psycopg.connect(self._dsn, application_name="shop-report")
            self._held.append(connection)
            row = connection.execute("SELECT sum(numbackends) FROM pg_stat_database").fetchone()
            if row is None or row[0] >= SESSIONS_REACHED:
                return

    def close(self) -> None:
        """The report is over."""
        for connection in self._held:
            connection.close()
        self._held, self._began = [], False


def is_faulty(control: Control | None, *, before: bool) -> bool:
    """Whether the shop's platform has the fault now; `before`, where the simulator does not say."""
    if control is None:
        return False
    try:
        active = control.state()["active"]
    except ControlError:
        return before
    return any((row["name"], row["platform"]) == (FAULT, FAULTY_PLATFORM) for row in active)


def run(dsn: str, control: Control | None) -> None:
    """Trade until ended; a restarting server is waited for."""
    chance, report, faulty = random.Random(SEED), Report(dsn), False
    while True:
        try:
            with psycopg.connect(dsn, autocommit=True, application_name="shop") as connection:
                prepare(connection)
                while True:
                    work(connection, chance)
                    faulty = is_faulty(control, before=faulty)
                    report.follow(is_faulty=faulty)
                    time.sleep(BEAT_SECONDS)
        except psycopg.OperationalError as error:
            print(f"waiting for the database: {error}", flush=True)
            time.sleep(RECONNECT_SECONDS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The demo shop's database load.")
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--aws", help="address of the simulated AWS, whose fault the shop shares")
    options = parser.parse_args()
    run(options.dsn, Control(options.aws) if options.aws else None)
