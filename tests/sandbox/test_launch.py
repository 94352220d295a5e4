"""What a worker gets to see: a small, fixed environment and read-only library folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from rftctl.sandbox.bubblewrap import wrap_command
from rftctl.sandbox.docker import client_environment, container_command
from rftctl.sandbox.launch import readable_paths, site_folders, worker_command, worker_environment

SECRETS = ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP")


@pytest.mark.parametrize("name", SECRETS)
def test_a_worker_inherits_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "canary-value")
    assert "canary-value" not in str(worker_environment())


@pytest.mark.parametrize("name", SECRETS)
def test_a_container_client_gets_no_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "canary-value")
    assert "canary-value" not in str(client_environment())


def test_hashes_time_and_threads_are_fixed() -> None:
    environment = worker_environment()
    fixed = (environment["PYTHONHASHSEED"], environment["TZ"], environment["OMP_NUM_THREADS"])
    assert fixed == ("0", "UTC", "1")


def test_the_home_folder_is_not_readable() -> None:
    home = Path.home().resolve()
    assert not any(home.is_relative_to(path) for path in readable_paths())


def test_this_checkout_is_not_readable() -> None:
    repository = Path(__file__).parents[2].resolve()
    assert not any(repository.is_relative_to(path) for path in readable_paths())


def test_no_readable_folder_lies_in_another() -> None:
    paths = readable_paths()
    assert not any(path.startswith(f"{other}/") for path in paths for other in paths)


def test_every_installed_package_folder_is_readable() -> None:
    readable = readable_paths()
    assert all(any(Path(folder).is_relative_to(path) for path in readable) for folder in site_folders())


def test_a_wrapped_worker_sees_only_read_only_mounts() -> None:
    command = wrap_command("bwrap", worker_command(), ["/usr/lib"], 1, 1 << 20)
    assert "--bind" not in command
    assert command[command.index("--ro-bind") + 1] == "/usr/lib"


def test_a_container_has_no_network_rights_or_writable_disk() -> None:
    command = " ".join(container_command("docker", 2, 1 << 30))
    for part in ("--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--user 65534"):
        assert part in command
