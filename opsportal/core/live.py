"""Tell open pages that something changed: ids only, inside the writer's transaction."""

from typing import Final

import orjson
from django.db import connection

CHANNEL: Final = "ops_live"
# The same within a statement that writes the row: `{id}` is its column.
TOUCH_CALL: Final = f"pg_notify('{CHANNEL}', json_build_object('t', %(live_topic)s::text, 'id', {{id}})::text)"


def touch(topic: str, row_id: int) -> None:
    """Wake every stream that follows `topic` once this transaction commits; a rolled back one wakes nobody.

    Topics: "today", "incident:<pk>", "checklist-run:<pk>", "plan:<pk>", "notices:<user id>". "today" is followed by
    people of every platform, so it carries no row's id.
    """
    row_id = 0 if topic == "today" else row_id
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, orjson.dumps({"t": topic, "id": row_id}).decode()])
