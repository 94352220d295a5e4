"""Which level is chosen, and that the weakest never is without consent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rftctl.errors import NotOfferedError, UsageError
from rftctl.sandbox import Limits, SandboxLevel, choose_sandbox, probe_levels

REPOSITORY = Path(__file__).parent.parent.parent

# Refuses Landlock to the process and its children, as an old kernel or a strict container does.
WITHOUT_LANDLOCK = """
import ctypes, struct, sys
refuse, allow = (0x06, 0, 0, 0x00050026), (0x06, 0, 0, 0x7FFF0000)
code = [(0x20, 0, 0, 0), (0x35, 0, 2, 444), (0x25, 1, 0, 446), refuse, allow]
program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
class Filter(ctypes.Structure):
    _fields_ = (("n", ctypes.c_ushort), ("at", ctypes.c_void_p))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(code), ctypes.addressof(program))), 0, 0) == 0
"""
CHOOSE = """
from rftctl.errors import RftctlError
from rftctl.sandbox import choose_sandbox
try:
    sys.stdout.write(choose_sandbox({arguments}).description)
except RftctlError as error:
    sys.stdout.write(f"{{type(error).__name__}}: {{error.message}} | {{error.hint}}")
"""


def choose_elsewhere(arguments: str, *, landlock: bool = True, path: str = "/nonexistent") -> str:
    """Choose in an interpreter without site-packages, with another PATH, perhaps without Landlock."""
    source = ("import sys\n" if landlock else WITHOUT_LANDLOCK) + CHOOSE.format(arguments=arguments)
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": path}
    command = [sys.executable, "-S", "-B", "-c", source]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_an_unknown_request_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="sandbox 'S0' is not one of auto, S3, S2, S1, docker"):
        choose_sandbox("S0")


def test_limits_only_needs_consent() -> None:
    with pytest.raises(NotOfferedError) as caught:
        choose_sandbox("S1")
    assert "--allow-unsafe-graders" in caught.value.hint


def test_limits_only_is_given_on_consent() -> None:
    with choose_sandbox("S1", allow_unsafe=True) as sandbox:
        assert sandbox.level is SandboxLevel.LIMITED


def test_consent_does_not_weaken_auto() -> None:
    with choose_sandbox(allow_unsafe=True) as sandbox:
        assert sandbox.level in (SandboxLevel.ISOLATED, SandboxLevel.CONFINED)


def test_auto_without_bubblewrap_gives_the_next_level_and_says_what_is_missing() -> None:
    said = choose_elsewhere("")
    assert said.startswith("S2 confined (landlock ")
    assert "bubblewrap is not installed" in said
    assert "to raise: install" in said


def test_auto_without_landlock_refuses_and_names_the_way_out() -> None:
    said = choose_elsewhere("", landlock=False)
    assert said.startswith(
        "NotOfferedError: no sandbox that contains a grader works here: this kernel offers no"
    )
    assert "--allow-unsafe-graders" in said


def test_auto_without_landlock_gives_limits_only_on_consent() -> None:
    assert choose_elsewhere("allow_unsafe=True", landlock=False).startswith("S1 limited (limits")


def test_bubblewrap_that_cannot_make_namespaces_is_found_out(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n", encoding="utf-8"
    )
    broken.chmod(0o755)
    said = choose_elsewhere("'S3'", path=f"{tmp_path}:/usr/bin:/bin")
    assert "setting up uid map: Permission denied" in said
    assert "apparmor" in said


def test_bubblewrap_that_isolates_nothing_is_found_out(tmp_path: Path) -> None:
    hollow = tmp_path / "bwrap"
    hollow.write_text(
        '#!/bin/sh\nwhile [ "$1" != "--" ]; do shift; done\nshift\nexec "$@"\n', encoding="utf-8"
    )
    hollow.chmod(0o755)
    said = choose_elsewhere("'S3'", path=f"{tmp_path}:/usr/bin:/bin")
    assert said.startswith("NotOfferedError: sandbox 'S3' does not work here")


def test_docker_without_a_client_is_refused() -> None:
    said = choose_elsewhere("'docker'")
    assert said.startswith("NotOfferedError: sandbox 'docker' needs a docker or podman client")


def test_docker_whose_engine_does_not_answer_is_refused(tmp_path: Path) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    client.chmod(0o755)
    said = choose_elsewhere("'docker'", path=f"{tmp_path}:/usr/bin:/bin")
    assert "its engine does not answer | start the engine" in said


def test_every_level_is_probed_strongest_first() -> None:
    assert [result.level.value for result in probe_levels()] == ["S3", "S2", "S1"]


def test_a_level_that_does_not_work_says_why_and_how_to_raise_it() -> None:
    assert all(result.works or (result.reason and result.remedy) for result in probe_levels())


def test_a_sandbox_carries_its_limits() -> None:
    with choose_sandbox("S2", limits=Limits(time_s=3.0)) as sandbox:
        assert sandbox.limits.time_s == 3.0


def test_the_parents_environment_is_left_alone() -> None:
    before = dict(os.environ)
    with choose_sandbox("S2") as sandbox, sandbox.start("def grade(s, i): return 1\n"):
        assert dict(os.environ) == before
