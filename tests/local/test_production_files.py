"""docker-compose.yml, Dockerfile and .ci/run, without a Docker daemon: by parsing."""

import os
import re
import tomllib
from typing import Any

import pytest
import yaml

from opsportal.local import portal_services as portal
from opsportal.local.environment import CHECKOUT

PORTAL_SERVICES = ("migrate", "web", "worker", "dispatcher")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (CHECKOUT / "Dockerfile").read_text()


def test_compose_names_the_services_and_their_order(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "valkey", *PORTAL_SERVICES}
    assert services["postgres"]["image"] == "postgres:18"
    for name in ("web", "worker", "dispatcher"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    # Only PostgreSQL is essential: pages and notifications go on without Valkey.
    assert "valkey" not in services["web"]["depends_on"]


def test_every_lasting_service_has_a_healthcheck(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert ("healthcheck" in service) == (name != "migrate"), name


def test_portal_containers_have_no_root_no_writable_image_and_one_open_port(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in PORTAL_SERVICES:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "web": ["127.0.0.1:8000:8000"]
    }


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    text = (CHECKOUT / "docker-compose.yml").read_text()
    assert not re.search(r"://[^/\s]*:[^/\s]*@", text)
    for service in compose["services"].values():
        for name, value in (service.get("environment") or {}).items():
            if re.search(r"SECRET|PASSWORD|DATABASE|EMAIL", name):
                assert name.endswith("_FILE"), name
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    for secret in compose["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "/secrets/" in (CHECKOUT / ".gitignore").read_text().split()


def test_every_name_given_to_the_portal_is_one_that_settings_read(compose: dict[str, Any], dockerfile: str) -> None:
    settings = (CHECKOUT / "opsportal" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', settings))
    assert {"DATABASE_URL", "SECRET_KEY", "HSTS_PRELOAD"} <= read
    for name in PORTAL_SERVICES:
        given = {variable.removesuffix("_FILE") for variable in compose["services"][name]["environment"]}
        assert given <= read, name
    built = set(re.findall(r"([A-Z_]+)=\S+ ", dockerfile.partition("# Settings want")[2].partition("USER")[0]))
    assert built == {"SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS", "PUBLIC_URL"}
    described = set(re.findall(r"`([A-Z][A-Z_]+)`", (CHECKOUT / "docs" / "operations.md").read_text()))
    assert read <= described


def test_only_migrate_knows_the_owner(compose: dict[str, Any]) -> None:
    knowing = {name for name, found in compose["services"].items() if "database_owner_url" in found.get("secrets", [])}
    assert knowing == {"migrate"}


def test_compose_runs_what_up_runs(compose: dict[str, Any], dockerfile: str, tmp_path: Any) -> None:
    services = compose["services"]
    assert services["worker"]["command"][1:] == list(portal.worker(tmp_path).argv[1:])
    assert services["dispatcher"]["command"][1:] == list(portal.dispatcher().argv[1:])
    hosts = {"127.0.0.1", "0.0.0.0"}  # noqa: S104 - inside a container
    wanted = [word for word in portal.web(8000).argv[1:] if word not in hosts]
    command = dockerfile.partition("\nCMD ")[2].replace("\\\n", "")
    assert [word for word in yaml.safe_load(command)[1:] if word not in hosts] == wanted


def test_the_image_is_built_in_stages_by_locked_hashes_and_runs_without_root(dockerfile: str) -> None:
    stages = re.findall(r"^FROM (\S+) AS (\w+)$", dockerfile, flags=re.MULTILINE)
    assert [name for _, name in stages] == ["packages", "portal"]
    last = dockerfile.partition("AS portal")[2]
    assert "--require-hashes" in dockerfile
    assert "--constraints requirements.lock" in dockerfile
    assert last.index("USER portal") < last.index("CMD")
    assert "ARG " not in dockerfile
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    major, minor = re.findall(r"python:(\d+)\.(\d+)", stages[0][0])[0]
    assert project["requires-python"] == ">=3.11,<3.14"
    assert (3, 11) <= (int(major), int(minor)) < (3, 14)


def test_the_image_copies_every_package(dockerfile: str) -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", dockerfile, flags=re.MULTILINE))
    assert copied == {"opsportal", "incidents", "monitoring", "maintenance", "templates", "static"}


def test_ci_runs_the_one_command_and_wants_the_browser() -> None:
    script = CHECKOUT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "export CI=true" in script.read_text()
    assert "exec python3 manage.py test" in script.read_text()
