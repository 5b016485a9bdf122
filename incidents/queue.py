"""What belongs into the queue, as one number: no I/O, no Django."""

from typing import Final

QUEUE_RANK: Final = 3  # from this rank on, work waits in the queue: Phase09's P2 and milder
