"""Hold a run while a task works on it: the lease is renewed beside the work, from a thread of its own."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from opsportal.schedule.services import LeaseLostError, RunClaim, renew

logger = structlog.get_logger(__name__)


def holder() -> str:
    """Who holds a lease: host, process and thread, as shown in the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}"


@contextmanager
def held(claim: RunClaim) -> Iterator[None]:
    """Renew the lease at a third of its length until the block ends. A killed process stops renewing at once."""
    done = threading.Event()

    def keep() -> None:
        try:
            while not done.wait(claim.lease_seconds / 3):
                try:
                    renew(claim=claim)
                except LeaseLostError:
                    return  # the holder finds out at its next write
                except DatabaseError as error:
                    logger.warning("schedule.renew_failed", run=claim.run_id, error=str(error))
                    connection.close()
        finally:
            connection.close()

    keeper = threading.Thread(target=keep, name=f"lease-{claim.run_id}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join(timeout=5)
