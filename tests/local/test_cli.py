"""The commands of `manage.py`, as a terminal sees them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opsportal.local import logs
from opsportal.local.browser import VARIABLE, find_chromium
from opsportal.local.environment import CHECKOUT, Home
from opsportal.local.errors import StackError
from opsportal.local.gates import Outcome, _Output, _Run, run_visibly
from opsportal.local.lock import HomeLock
from opsportal.local.supervisor import Supervisor
from opsportal.local.terminal import table


def manage(*arguments: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPSPORTAL_", "DATABASE_"))}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={**kept, "OPSPORTAL_HOME": str(home), "OPSPORTAL_BOOTSTRAP": "0", **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_everything(tmp_path: Path) -> None:
    said = manage("up", "--help", home=tmp_path).stdout
    for word in ("OPSPORTAL_HOME", "OPSPORTAL_PORT", "OPSPORTAL_DEMO=0", "OPSPORTAL_CLOCK", "OPSPORTAL_BOOTSTRAP=0"):
        assert word in said
    commands = manage("--help", home=tmp_path).stdout
    for word in ("up", "down", "status", "logs", "reset", "test"):
        assert f"\n    {word} " in commands


def test_an_old_python_reads_one_sentence() -> None:
    code = "import sys; sys.version_info = (3, 9, 2); import manage; sys.exit(manage.main())"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "opsportal needs Python 3.11 or newer; this one is 3.9.\n")


def test_without_a_stack_every_command_says_so(tmp_path: Path) -> None:
    for arguments, status in ((("down",), 0), (("status",), 1), (("shell",), 1)):
        done = manage(*arguments, home=tmp_path / "none")
        assert done.returncode == status
        assert (done.stdout + done.stderr).startswith("No stack runs on ")
        assert (done.stdout + done.stderr).count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_a_database_named_by_a_file_needs_no_stack(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgres://ops_app@127.0.0.1:1/none")
    portal = {"SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "ops.example.org", "PUBLIC_URL": "https://ops.example.org"}
    files = {"DATABASE_URL_FILE": str(tmp_path / "url")}
    done = manage("check", home=tmp_path / "none", **portal, **files)
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), done.stderr


def test_a_running_stack_is_neither_started_again_nor_removed(home: Home) -> None:
    lock = HomeLock(home)
    lock.acquire(8765)
    for command in (("up",), ("reset", "--yes")):
        done = manage(*command, home=home.path)
        assert done.returncode == 1
        assert f"pid {os.getpid()}" in done.stderr
        assert done.stderr.count("\n") == 1
    lock.release()


def test_reset_asks_and_removes_only_what_is_ours(home: Home, tmp_path: Path) -> None:
    home.claim_kind("demo")
    asked = manage("reset", home=home.path)
    assert asked.returncode == 1
    assert "say `reset --yes`" in asked.stderr
    assert manage("reset", "--yes", home=home.path).returncode == 0
    assert not home.path.exists()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("")
    refused = manage("reset", "--yes", home=tmp_path / "photos")
    assert refused.returncode == 1
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_up_refuses_the_other_kind_before_it_starts_anything(home: Home) -> None:
    home.claim_kind("demo")
    done = manage("up", home=home.path, OPSPORTAL_DEMO="0", OPSPORTAL_PORT="28431")
    assert done.returncode == 1
    assert "is a demo one and you asked for plain" in done.stderr
    assert not (home.path / "postgres").exists()


def test_logs_are_shown_followed_and_rotated(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    log = home.log / "web.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    (home.log / "worker.log").write_text("at work\n")
    assert list(logs.show(home, "web", follow=False))[-1] == "line 99"
    assert "worker      at work" in list(logs.show(home, None, follow=False))
    with pytest.raises(StackError, match="there are: web, worker"):
        next(logs.show(home, "mail", follow=False))
    following = logs.show(home, "worker", follow=True)
    assert next(following) == "at work"
    with (home.log / "worker.log").open("a") as out:
        out.write("and rest\n")
    assert next(following) == "and rest"
    monkeypatch.setattr(logs, "LARGEST_BYTES", 500)
    for text in ("first\n", "second\n", "third\n"):
        log.write_text(text * 100)
        logs.rotate(home.log)
    assert log.read_text() == ""
    assert [(home.log / f"web.log.{number}").read_text()[:5] for number in (1, 2)] == ["third", "secon"]
    assert not (home.log / "web.log.3").exists()


def test_the_closing_line_of_pytest_is_kept_for_the_end(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    output = _Output(hold_last=True)
    for chunk in (b"..", b"..\nfailed: x\n== 3 pas", b"sed in 1s ==\n\n"):
        output.write(chunk)
    assert output.finish() == "== 3 passed in 1s =="
    assert capsysbinary.readouterr().out == b"....\nfailed: x\n"


@pytest.mark.parametrize("ci, result", [("true", "FAILED"), ("", "left out")])
def test_left_out_browser_tests_are_named_and_fail_in_ci(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str], ci: str, result: str
) -> None:
    run = _Run(supervisor, {"CI": ci})
    run._leave_out_browser()
    assert run.outcomes == [Outcome("browser tests", result, 0.0)]
    assert run.outcomes[0].is_failure == (result == "FAILED")
    assert "tests marked e2e are left out" in capsys.readouterr().out


def test_a_gates_output_is_passed_on_and_its_status_kept(supervisor: Supervisor) -> None:
    chunks: list[bytes] = []
    argv = [sys.executable, "-c", "print('one'); raise SystemExit(5)"]
    status = run_visibly(supervisor, argv, chunks.append, tick=supervisor.tick)
    assert (status, b"".join(chunks)) == (5, b"one\n")


def test_a_gate_that_runs_beside_another_is_told_behind_it(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _Run(supervisor, {})
    with run._beside("types", ("python", "-c", "print('of types'); raise SystemExit(3)")):
        run._gate("tests", ("python", "-c", "print('of tests')"))
    assert [(outcome.gate, outcome.result) for outcome in run.outcomes] == [("tests", "passed"), ("types", "FAILED")]
    assert capsys.readouterr().out == "--- tests\nof tests\n--- types\nof types\n"


def test_the_named_browser_wins_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "chromium").write_text("")
    (tmp_path / "chromium").chmod(0o755)
    assert find_chromium({"PATH": str(tmp_path)}) == str(tmp_path / "chromium")
    assert find_chromium({VARIABLE: sys.executable, "PATH": str(tmp_path)}) == sys.executable
    assert find_chromium({VARIABLE: str(tmp_path / "none"), "PATH": str(tmp_path)}) is None


def test_tables_align_their_columns() -> None:
    assert list(table([("a", "state"), ("longer", "x")])) == ["a       state", "longer  x"]


def test_importing_the_command_line_is_quick_and_needs_no_package() -> None:
    code = "import sys; import opsportal.local.cli; print(sorted({'django', 'psycopg', 'celery'} & set(sys.modules)))"
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert time.monotonic() - begun < 5
