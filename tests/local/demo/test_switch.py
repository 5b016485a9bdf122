"""`manage.py demo fault` reaches the simulator without Django, and says which faults there are."""

import os
import subprocess
import sys

import pytest

from opsportal.local.aws.faults import FAULTS
from opsportal.local.demo import switch
from opsportal.local.environment import CHECKOUT

HEAVY = ("django", "boto3", "redis", "structlog")


def test_the_faults_are_listed_and_nothing_heavy_is_loaded() -> None:
    asked = (
        "import sys; from opsportal.local import cli\n"
        "try: cli.main(['manage.py', 'demo', 'fault', '--help'])\n"
        f"finally: print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False
    )
    assert "loaded: []" in done.stdout, done.stderr
    for name in FAULTS:
        assert name in done.stdout


def test_an_unknown_fault_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        switch.parser().parse_args(["fault", "flood"])
    assert "db-connections" in capsys.readouterr().err
