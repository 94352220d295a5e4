"""How a worker is started: which interpreter, with which environment, seeing which paths.

In: nothing but this machine. Out: argument vectors and path lists. The parent's environment never goes along.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from rftctl.sandbox.worker import main; main()"
"""What a worker's interpreter runs; its first argument is the folder that holds rftctl."""
_PACKAGE = Path(__file__).resolve().parent.parent

# What compiled packages and the standard library read besides themselves; none of it is a secret.
_SYSTEM_PATHS = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/usr/share/zoneinfo",
    "/usr/share/nltk_data",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/zero",
)


def interpreter() -> str:
    """Path of the Python binary behind any virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable) or sys.executable)


def package_folder() -> Path:
    """Folder of the rftctl package, which the worker is loaded from."""
    return _PACKAGE


def site_folders() -> list[str]:
    """Folders whose installed packages a grader may import."""
    folders = [*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return [folder for folder in dict.fromkeys(map(os.path.realpath, folders)) if Path(folder).is_dir()]


def readable_paths() -> list[str]:
    """Every path a grader may read: the interpreter's library, installed packages, a few system files."""
    library = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    shared = str(Path(sys.base_prefix) / "lib")
    data = [str(Path(prefix) / "nltk_data") for prefix in (sys.prefix, Path.home())]
    paths = [shared, *library, *site_folders(), *data, *_SYSTEM_PATHS]
    return [path for path in _without_nested(paths) if Path(path).exists()]


def visible_paths() -> list[str]:
    """Every path the worker itself needs to see: the readable ones, its interpreter and this package."""
    # Devices and kernel files come from the sandbox's own mounts.
    readable = [path for path in readable_paths() if not path.startswith(("/dev/", "/proc/"))]
    return [*readable, interpreter(), str(_PACKAGE)]


def worker_environment() -> dict[str, str]:
    """Make the worker's whole environment, the same on every machine, so that grading repeats.

    Hashes are seeded, time is UTC, and number libraries use one thread, as the platform's one core does.
    """
    one_thread = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "NLTK_DATA": str(Path.home() / "nltk_data"),
        **dict.fromkeys(one_thread, "1"),
    }


def worker_command() -> list[str]:
    """Make the worker's command line: no site, no user folder, no current folder on the path."""
    return [interpreter(), "-S", "-s", "-P", "-B", "-c", BOOT, str(_PACKAGE.parent)]


def _without_nested(paths: list[str]) -> list[str]:
    # Each rule costs a little at every open; a folder inside another needs none.
    real = dict.fromkeys(os.path.realpath(path) for path in paths)
    return [path for path in real if not any(path.startswith(f"{other}/") for other in real)]
