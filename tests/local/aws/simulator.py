"""The `aws_simulator` fixture: one simulator process for the session.

A test package uses it by one line in its conftest.py or module:
`from tests.local.aws.simulator import aws_simulator  # noqa: F401`.
"""

import atexit
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from opsportal.aws.session import AwsAccount
from opsportal.local.aws.catalogue import ACCOUNT, EXTERNAL_IDS, REGION, ROLE_NAME, SECOND_ACCOUNT
from opsportal.local.aws.control import Control

ROOT = Path(__file__).resolve().parents[3]
# One origin for all simulators of a session: one started later does not go back in time.
STARTED = time.time()


@dataclass(frozen=True)
class Simulator:
    """A running simulator: its address, its control client and the accounts it knows."""

    url: str
    control: Control
    process: "subprocess.Popen[str]"

    @property
    def region(self) -> str:
        return REGION

    @property
    def account(self) -> AwsAccount:
        """The account of the living shop, by its role and external id."""
        return self.account_of(ACCOUNT)

    @property
    def second_account(self) -> AwsAccount:
        """The account whose role lacks three permissions and is throttled at a fourth call."""
        return self.account_of(SECOND_ACCOUNT)

    def account_of(self, number: str, *, external_id: str | None = None) -> AwsAccount:
        role = f"arn:aws:iam::{number}:role/{ROLE_NAME}"
        return AwsAccount(number, (REGION,), role, external_id or EXTERNAL_IDS[number], self.url, attempts=1)

    def boto(self, service: str) -> Any:
        """A plain boto3 client of the shop's account, for what the portal itself never calls."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service of the tests
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",
            config=Config(retries={"total_max_attempts": 1}),
        )


@contextmanager
def running_simulator(state_file: Path | None = None, *, clock: str | None = None) -> Iterator[Simulator]:
    """Start a simulator of its own; `clock` as OPSPORTAL_CLOCK, real time when None."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPSPORTAL_CLOCK")}
    if clock is not None:
        environment |= {"OPSPORTAL_CLOCK": clock, "OPSPORTAL_CLOCK_ORIGIN": str(STARTED)}
    argv = [sys.executable, "-m", "opsportal.local.aws", "--port", "0"]
    argv += ["--state-file", str(state_file)] if state_file else []
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            match = re.fullmatch(r"Simulated AWS: (http://\S+)\n", process.stdout.readline())
            assert match is not None, "the simulator did not start"
            yield Simulator(match[1], Control(match[1]), process)
        finally:
            process.terminate()
            process.wait(10)


@cache
def _shared() -> Simulator:
    # Each module that imports the fixture gets its own copy of it; all of them get this one process.
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(running_simulator())


@pytest.fixture(scope="session")
def aws_simulator() -> Simulator:
    """One simulator in real time for the whole session; a test that starts a fault heals it."""
    return _shared()
