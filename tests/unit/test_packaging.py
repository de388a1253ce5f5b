"""What ships must keep its promises: wheel, container image, compose file, systemd unit, CI, Makefile.

No container engine is needed: the files are read and held to what docs/install.md says of them. What
only an engine or a running systemd could show is not claimed here.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from resolver import __version__, settings
from resolver.upstreams import parse_endpoint

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
UNIT_FILE = ROOT / "packaging" / "belisha.service"
CONTAINER_CONFIG = "/etc/belisha/belisha.toml"


def _compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return document


@pytest.fixture
def service() -> dict[str, Any]:
    found: dict[str, Any] = _compose()["services"]["belisha"]
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, comments dropped and continued lines joined."""
    text = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text)
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, rest in pairs]


def unit() -> dict[str, list[str]]:
    """The systemd unit: key → every value given, in order."""
    found: dict[str, list[str]] = {}
    for line in UNIT_FILE.read_text("utf-8").splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


class TestWheel:
    def test_version_is_the_packages_own(self) -> None:
        assert PYPROJECT["project"]["dynamic"] == ["version"]
        assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "resolver/__init__.py"

    def test_shipped_data_exists(self) -> None:
        included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
        assert all((ROOT / source).is_dir() for source in included)

    def test_every_requirement_has_a_lower_bound_and_a_reason(self) -> None:
        lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
        start = lines.index("dependencies = [") + 1
        block = lines[start : lines.index("]", start)]
        for before, line in itertools.pairwise(block):
            if line.strip().startswith('"'):
                assert ">=" in line
                assert before.strip().startswith("#"), f"{line.strip()}: say why it is needed"


class TestDockerfile:
    def test_two_stages_on_one_pinned_base(self) -> None:
        bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
        assert len(bases) == 2
        assert len(set(bases)) == 1
        assert re.fullmatch(r"python:3\.1\d-slim(-\w+)?", bases[0])

    def test_python_is_one_that_is_supported(self) -> None:
        base = next(rest for word, rest in instructions() if word == "FROM")
        version = base.removeprefix("python:").split("-")[0]
        assert f"Programming Language :: Python :: {version}" in PYPROJECT["project"]["classifiers"]

    def test_copied_files_exist_and_reach_the_builder(self) -> None:
        let_through = {
            line.removeprefix("!")
            for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
            if line.startswith("!")
        }
        for word, rest in instructions():
            if word != "COPY" or rest.startswith("--from="):
                continue
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in let_through, f"{source} is kept out by .dockerignore"

    def test_builder_has_all_that_a_wheel_needs(self) -> None:
        copied = {s for word, rest in instructions() if word == "COPY" for s in rest.split()[:-1]}
        project = PYPROJECT["project"]
        assert {"pyproject.toml", "resolver", "lists", project["readme"], *project["license-files"]} <= copied

    def test_runs_as_a_numeric_user_that_is_not_root(self) -> None:
        users = [rest for word, rest in instructions() if word == "USER"]
        assert len(users) == 1
        uid, gid = users[0].split(":")
        assert int(uid) >= 10_000
        assert int(gid) >= 10_000
        assert f"chown {uid}:{gid} /data" in DOCKERFILE

    def test_ports_are_the_ones_that_the_image_listens_on(self) -> None:
        exposed = next(rest for word, rest in instructions() if word == "EXPOSE").split()
        assert exposed == ["53/udp", "53/tcp", "8053/tcp"]
        shipped = settings.load(ROOT / "packaging" / "container.toml", {})
        assert {parse_endpoint(text).port for text in shipped.dns.listen} == {53}
        assert parse_endpoint(shipped.admin.listen).port == 8053

    def test_image_keeps_its_data_in_the_volume(self) -> None:
        assert settings.load(ROOT / "packaging" / "container.toml", {}).data_dir == "/data"
        assert ("VOLUME", "/data") in instructions()

    def test_stops_by_sigterm_and_checks_its_health(self) -> None:
        words = dict(instructions())
        assert words["STOPSIGNAL"] == "SIGTERM"
        assert '"belisha", "healthcheck"' in words["HEALTHCHECK"]
        assert words["CMD"] == f'["belisha", "serve", "--config", "{CONTAINER_CONFIG}"]'


class TestCompose:
    def test_process_has_no_right_it_does_not_need(self, service: dict[str, Any]) -> None:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert not {"privileged", "cap_add", "network_mode", "pid", "user", "devices"} & service.keys()

    def test_port_53_needs_no_root(self, service: dict[str, Any]) -> None:
        assert service["sysctls"] == {"net.ipv4.ip_unprivileged_port_start": "0"}

    def test_dns_is_published_and_admin_stays_on_the_machine(self, service: dict[str, Any]) -> None:
        assert service["ports"] == ["53:53/udp", "53:53/tcp", "127.0.0.1:8053:8053/tcp"]

    def test_only_the_data_volume_and_tmp_are_written(self, service: dict[str, Any]) -> None:
        volumes = service["volumes"]
        assert "data:/data" in volumes
        assert all(text.endswith(":ro") for text in volumes if text != "data:/data")
        assert [text.split(":")[0] for text in service["tmpfs"]] == ["/tmp"]
        assert "data" in _compose()["volumes"]

    def test_lists_are_mounted_and_used(self, service: dict[str, Any]) -> None:
        assert "./lists:/lists:ro" in service["volumes"]
        assert service["environment"]["BELISHA_LISTS_DIR"] == "/lists"

    def test_memory_processes_and_files_are_bounded(self, service: dict[str, Any]) -> None:
        assert {"mem_limit", "pids_limit", "ulimits"} <= service.keys()

    def test_restarts_checks_health_and_reaps(self, service: dict[str, Any]) -> None:
        assert service["restart"] == "unless-stopped"
        assert service["init"] is True
        assert service["healthcheck"]["test"] == [
            "CMD",
            "belisha",
            "healthcheck",
            "--config",
            CONTAINER_CONFIG,
        ]

    def test_image_is_named_by_version(self, service: dict[str, Any]) -> None:
        assert service["image"] == f"belisha:{__version__}"

    def test_environment_makes_valid_settings(self, service: dict[str, Any]) -> None:
        # ${NAME:-default} as compose resolves it when the caller sets nothing.
        resolved = {
            key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in service["environment"].items()
        }
        found = settings.load(ROOT / "packaging" / "container.toml", resolved)
        assert found.lists_dir == "/lists"
        assert found.dns.allow == ("private",)


class TestVariables:
    @pytest.mark.parametrize(
        "name", ["Dockerfile", "docker-compose.yml", "packaging/belisha.service", "packaging/container.toml"]
    )
    def test_variables_are_settings(self, name: str) -> None:
        used = set(re.findall(r"BELISHA_[A-Z_]+", (ROOT / name).read_text("utf-8")))
        assert used <= set(settings._OVERRIDES)


class TestUnit:
    def test_sections_and_start(self) -> None:
        found = unit()
        assert found["ExecStart"] == [f"/opt/belisha/bin/belisha serve --config {CONTAINER_CONFIG}"]
        assert found["Restart"] == ["on-failure"]
        assert int(found["LimitNOFILE"][0]) >= 65_536

    def test_one_capability_and_no_way_to_more(self) -> None:
        found = unit()
        assert found["AmbientCapabilities"] == found["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
        assert found["NoNewPrivileges"] == ["yes"]
        assert found["User"] == ["belisha"]

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("ProtectSystem", "strict"),
            ("ProtectHome", "yes"),
            ("PrivateTmp", "yes"),
            ("PrivateDevices", "yes"),
            ("MemoryDenyWriteExecute", "yes"),
            ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
            ("StateDirectory", "belisha"),
        ],
    )
    def test_confinement(self, key: str, value: str) -> None:
        assert unit()[key] == [value]

    def test_writes_only_where_the_unit_lets_it(self) -> None:
        assert unit()["Environment"] == ["BELISHA_DATA_DIR=/var/lib/belisha"]
        assert "ReadWritePaths" not in unit()

    def test_the_boot_of_the_machine_can_be_told(self) -> None:
        assert unit().get("ProcSubset", ["all"]) == ["all"], "resolver/serving/saved.py reads /proc/sys"

    def test_systemd_finds_no_fault(self, tmp_path: Path) -> None:
        if not shutil.which("systemd-analyze"):
            pytest.skip("systemd-analyze is not installed")
        # The program and the account need not exist here; everything else must be right.
        copy = tmp_path / "belisha.service"
        text = UNIT_FILE.read_text("utf-8")
        copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text), "utf-8")
        ran = subprocess.run(
            ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=30, check=False
        )
        assert "belisha.service" not in ran.stderr

    def test_exposure_stays_as_documented(self) -> None:
        if not shutil.which("systemd-analyze"):
            pytest.skip("systemd-analyze is not installed")
        ran = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNIT_FILE)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if "unrecognized option" in ran.stderr:
            pytest.skip("this systemd-analyze cannot look at a file")
        assert ran.returncode == 0, ran.stdout[-200:]


class TestTasks:
    def test_ci_is_executable_and_runs_the_readmes_command(self) -> None:
        script = ROOT / ".ci" / "run"
        assert script.stat().st_mode & 0o111
        lines = script.read_text("utf-8").splitlines()
        checks = next(n for n, line in enumerate(lines) if line.startswith("make check"))
        tests = next(n for n, line in enumerate(lines) if line.startswith("make test"))
        assert checks < tests

    def test_makefile_describes_every_task_a_reader_may_want(self) -> None:
        text = (ROOT / "Makefile").read_text("utf-8")
        described = set(re.findall(r"(?m)^([a-z]+):.*## ", text))
        assert {"help", "run", "test", "check", "fuzz", "bench", "clean"} <= described

    def test_hooks_need_no_network(self) -> None:
        document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
        assert [repo["repo"] for repo in document["repos"]] == ["local"]
        assert {hook["language"] for repo in document["repos"] for hook in repo["hooks"]} == {"system"}
