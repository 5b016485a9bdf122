"""`python -m opsportal.local.aws --port N --state-file PATH`: run the simulated AWS until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from opsportal.local.aws.metrics import as_text


def main(argv: list[str] | None = None) -> int:
    """Serve on loopback; the line with the address is printed when requests are answered."""
    parser = argparse.ArgumentParser(prog="opsportal.local.aws", description="The simulated AWS of the demo.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state-file", type=Path, help="keeps the first day and the faults across a restart")
    parser.add_argument("--portal", default="", help="address of the portal that beats and SNS messages are sent to")
    parser.add_argument("--catalogue", action="store_true", help="print every resource and metric, and stop")
    options = parser.parse_args(argv)
    if options.catalogue:
        print(as_text())
        return 0
    # Printing the catalogue does without the seconds that moto takes to import.
    from opsportal.local.aws.server import LOOPBACK, build_server
    from opsportal.local.aws.world import World

    try:
        server = build_server(World(options.state_file), options.port, portal=options.portal)
    except OSError as error:
        print(f"The simulated AWS cannot listen on port {options.port}: {error.strerror}.", file=sys.stderr)
        return 1

    def stop(_number: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the serving loop, which is this very thread's.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Simulated AWS: http://{LOOPBACK}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
