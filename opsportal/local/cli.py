"""The commands of `manage.py`: the stack's own here, everything else Django's. Standard library at import."""

import argparse
import errno
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence

from opsportal.local import bootstrap, logs
from opsportal.local.aws.control import ControlError
from opsportal.local.demo import switch
from opsportal.local.environment import CHECKOUT, Home, home_of, home_of_tests
from opsportal.local.errors import StackError
from opsportal.local.lock import is_held, running
from opsportal.local.terminal import say

STOP_SECONDS = 15.0
STEP_SECONDS = 0.1
# Django commands that need no settings, and those that need no database and no running stack.
HELP = frozenset({"help", "version", "--version", "-h", "--help"})
OFFLINE = HELP | {"check", "makemigrations", "makemessages", "collectstatic"}

ABOUT = """\
The operations portal on this machine, with one command.

variables:
  OPSPORTAL_HOME       data folder (default: .data in the checkout)
  OPSPORTAL_PORT       port on 127.0.0.1 (default: 8000)
  OPSPORTAL_DEMO=0     no simulated AWS, no demo people, no platform: begin with the first-run page
  OPSPORTAL_CLOCK      <ISO start>@<rate>: run the business clock from there, that many times as fast
  OPSPORTAL_BOOTSTRAP=0   use the packages of this Python instead of making .venv (also when DATABASE_URL is set)
"""


def main(argv: Sequence[str]) -> int:
    """Run one command; a refusal is one sentence and exit status 1."""
    try:
        return _run(list(argv))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write(
            f"The disk is full ({error.filename or home_of(os.environ).path}): free some space, try again.\n"
        )
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=f"{text}\n\n{ABOUT}", formatter_class=argparse.RawDescriptionHelpFormatter
        )

    add("up", "install what is missing, start everything, print the address and the sign-ins; Ctrl-C stops")
    add("down", "stop the stack of this data folder")
    add("status", "services, loops, versions, ports, last errors")
    shown = add("logs", "last lines of the services' logs")
    shown.add_argument("service", nargs="?", help="one service (default: all)")
    shown.add_argument("-f", "--follow", action="store_true", help="go on printing new lines")
    removed = add("reset", "remove the data folder with everything in it")
    removed.add_argument("--yes", action="store_true", help="do not ask")
    tested = add("test", "lint, types, layers, templates, then all tests with the browser's, beside a running stack")
    tested.add_argument("pytest_arguments", nargs="*", metavar="-- ARGS", help="run only pytest, with these arguments")
    return parser


STACK_COMMANDS = frozenset({"up", "down", "status", "logs", "reset", "test"})


def _run(argv: list[str]) -> int:
    command = argv[1] if len(argv) > 1 else "--help"
    if command in STACK_COMMANDS:
        return _run_own(_parser().parse_args(argv[1:]), argv)
    if command == "demo" and argv[2:3] and argv[2] in switch.VERBS:
        return _switch(argv)
    if command in {"-h", "--help"} or argv[1:] == ["help"]:
        _parser().print_help()
        say("\nDjango's commands come after these; `manage.py help COMMAND` explains one:\n")
    return _run_django(command, argv)


def _run_own(options: argparse.Namespace, argv: list[str]) -> int:
    home = home_of(os.environ)
    match options.command:
        case "down":
            return _down(home)
        case "logs":
            return _logs(home, options.service, follow=options.follow)
        case "reset":
            return _reset(home, is_sure=options.yes)
        case "status" if running(home) is None:
            say(f"No stack runs on {home.path}.")
            return 1
    _enter_packages(bootstrap.DEVELOPMENT if options.command == "test" else bootstrap.RUNTIME, argv)
    # Imported late: they need the packages.
    if options.command == "up":
        from opsportal.local.stack import up

        return up(os.environ)
    if options.command == "status":
        from opsportal.local.status import print_status

        return print_status(home)
    from opsportal.local.gates import run_tests

    return run_tests(os.environ, options.pytest_arguments)


def _enter_packages(lock: str, argv: Sequence[str]) -> None:
    """Go on inside `.venv`, made if need be; or stay when the caller brings the packages."""
    if os.environ.get("OPSPORTAL_BOOTSTRAP") == "0" or _brings_database():
        return
    home = home_of_tests(os.environ) if lock == bootstrap.DEVELOPMENT else home_of(os.environ)
    python = bootstrap.ensure(lock, home, environ=os.environ)
    if not bootstrap.Venv().is_active():
        bootstrap.replace_process(python, [str(CHECKOUT / "manage.py"), *argv[1:]])


def _brings_database() -> bool:
    """Whether the caller's environment is a portal's own, by value or by file: then no stack is looked for."""
    return bool(os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"))


def _run_django(command: str, argv: list[str]) -> int:
    # Refused before anything is installed, taken over after: DATABASE_URL turns the installation off.
    settings = {} if _brings_database() else _settings_of_stack(home_of(os.environ), command)
    _enter_packages(bootstrap.RUNTIME, argv)
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
    try:
        from django.core.management import execute_from_command_line

        from opsportal.env import require_settings
    except ImportError as error:
        raise StackError(
            "This Python has no Django: unset DATABASE_URL and OPSPORTAL_BOOTSTRAP so that .venv is made, "
            "or install requirements.lock."
        ) from error
    if command not in HELP:
        require_settings()
    execute_from_command_line(argv)
    return 0


def _switch(argv: list[str]) -> int:
    """A fault of the demo on or off, by the simulator alone: neither the packages nor Django are waited for."""
    asked = vars(switch.parser().parse_args(argv[2:]))
    settings = os.environ if _brings_database() else _settings_of_stack(home_of(os.environ), "demo")
    if settings.get("OPSPORTAL_DEMO") != "1":
        raise StackError("This stack is no demo.")
    try:
        say(switch.switch(asked, settings.get("AWS_ENDPOINT_URL", "")))
    except ControlError as error:
        raise StackError(str(error)) from error
    return 0


def _settings_of_stack(home: Home, command: str) -> dict[str, str]:
    """The environment of the running stack, so that no variable need be exported."""
    if not is_held(home) and command not in OFFLINE:
        raise StackError(f"No stack runs on {home.path}: start it with `python3 manage.py up`, or set DATABASE_URL.")
    return home.load_environment()


def _down(home: Home) -> int:
    holder = running(home)
    if holder is None:
        say(f"No stack runs on {home.path}.")
        return 0
    os.kill(holder.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_held(home):
        if time.monotonic() > deadline:
            raise StackError(f"The stack (pid {holder.pid}) did not stop within {STOP_SECONDS:.0f} s: see {home.log}.")
        time.sleep(STEP_SECONDS)
    say("Stopped.")
    return 0


def _logs(home: Home, service: str | None, *, follow: bool) -> int:
    try:
        for line in logs.show(home, service, follow=follow):
            print(line, flush=True)
    except (KeyboardInterrupt, BrokenPipeError):
        # The reader has seen enough; nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _reset(home: Home, *, is_sure: bool) -> int:
    if not home.path.exists():
        say(f"There is no data folder {home.path}.")
        return 0
    holder = running(home)
    if holder is not None or is_held(home):
        pid = f" (pid {holder.pid})" if holder else ""
        raise StackError(f"A stack runs on {home.path}{pid}: stop it with `python3 manage.py down` first.")
    if not (home.path / "kind").exists() and {entry.name for entry in home.path.iterdir()} - {"tools", "log"}:
        raise StackError(f"{home.path} does not look like a data folder of ours: remove it by hand.")
    if not is_sure and not _confirms(home):
        say("Nothing removed.")
        return 1
    for name in ("postgres-at", "sockets"):
        if (home.path / name).exists():
            shutil.rmtree((home.path / name).read_text(), ignore_errors=True)
    shutil.rmtree(home.path)
    say(f"Removed {home.path}.")
    return 0


def _confirms(home: Home) -> bool:
    if not sys.stdin.isatty():
        raise StackError(f"`reset` removes {home.path} with everything in it: say `reset --yes`.")
    return input(f"Remove {home.path} with everything in it? Type yes: ").strip() == "yes"
