"""S3 by request: the worker starts in a container of a Docker-compatible engine.

In: limits. Out: the command line that starts the container. Never chosen on its own, since an engine's
rights are its user's, and its image decides which packages graders see.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from rftctl.errors import NotOfferedError
from rftctl.sandbox.launch import BOOT, package_folder, worker_environment

DEFAULT_IMAGE = "python:3.11-slim"
IMAGE_VARIABLE = "RFTCTL_SANDBOX_IMAGE"
"""Environment variable naming the image; it needs Python 3.11 or later and the packages graders import."""

READABLE = ("/usr", "/lib", "/lib64", "/opt/venv", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom")

_MOUNT_POINT = "/rftctl"
_REACH_TIMEOUT_S = 10.0
_OVERHEAD_BYTES = 256 << 20
_MAX_PROCESSES = 256


def find_engine() -> str:
    """Find a Docker client whose engine answers.

    Raises:
        NotOfferedError: there is none, or it does not answer.
    """
    client = shutil.which("docker") or shutil.which("podman")
    if client is None:
        raise NotOfferedError(
            "sandbox 'docker' needs a docker or podman client, and none is on the PATH",
            "install one, or use --sandbox auto",
        )
    try:
        reached = subprocess.run(
            [client, "version"], capture_output=True, timeout=_REACH_TIMEOUT_S, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        reached = 1
    if reached != 0:
        raise NotOfferedError(
            f"sandbox 'docker' found {client!r}, but its engine does not answer",
            "start the engine, or use --sandbox auto",
        )
    return client


def client_environment() -> dict[str, str]:
    """Pick what the client needs to reach its engine, and no key."""
    kept = ("PATH", "HOME", "XDG_RUNTIME_DIR")
    return {name: value for name, value in os.environ.items() if name in kept or name.startswith("DOCKER_")}


def container_command(client: str, n_slots: int, memory_bytes: int) -> list[str]:
    """Make the command line that starts a worker in a container without network, rights or a writable disk.

    Args:
        memory_bytes: of one call; the container gets that for each call in flight, and some for the worker.
    """
    memory = str(n_slots * memory_bytes + _OVERHEAD_BYTES)
    closing = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    limits = ["--memory", memory, "--memory-swap", memory, "--pids-limit", str(_MAX_PROCESSES)]
    mount = f"type=bind,source={package_folder()},target={_MOUNT_POINT}/rftctl,readonly"
    environment = [part for item in worker_environment().items() for part in ("--env", "=".join(item))]
    image = os.environ.get(IMAGE_VARIABLE, DEFAULT_IMAGE)
    python = ["python3", "-S", "-s", "-P", "-B", "-c", BOOT, _MOUNT_POINT]
    inside = ["--user", "65534:65534", "--mount", mount, *environment, "--workdir", "/", "--init"]
    return [
        client,
        "run",
        "--rm",
        "--interactive",
        *closing,
        *limits,
        *inside,
        "--entrypoint",
        "",
        image,
        *python,
    ]
