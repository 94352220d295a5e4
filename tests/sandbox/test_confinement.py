"""Landlock, seccomp and limits by themselves, each in a process that gives up only that."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rftctl.sandbox.confine import memory_ceiling
from rftctl.sandbox.landlock import abi_version
from rftctl.sandbox.seccomp import build_filter

REPOSITORY = Path(__file__).parents[2]
PREPARE = """
import errno, os, socket, sys
from rftctl.sandbox import landlock, seccomp
from rftctl.sandbox.privileges import drop_privileges
drop_privileges()
"""


def run(body: str, *arguments: str) -> str:
    """Run code in a fresh interpreter and give what it printed."""
    command = [sys.executable, "-B", "-c", PREPARE + body, *arguments]
    environment = {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_readable_folder_stays_readable_and_another_does_not(tmp_path: Path) -> None:
    for name in ("open", "shut"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name, encoding="utf-8")
    body = """
landlock.restrict(landlock.make_ruleset([sys.argv[1] + "/open", "/no/such/path"]))
print(open(sys.argv[1] + "/open/file").read())
try:
    open(sys.argv[1] + "/shut/file")
except PermissionError:
    print("refused")
"""
    assert run(body, str(tmp_path)).split() == ["open", "refused"]


def test_a_writable_folder_takes_files_but_no_links(tmp_path: Path) -> None:
    body = """
landlock.restrict(landlock.make_ruleset([], [sys.argv[1]]))
open(sys.argv[1] + "/file", "w").write("x")
os.rename(sys.argv[1] + "/file", sys.argv[1] + "/moved")
for act in (lambda: os.symlink("/", sys.argv[1] + "/link"), lambda: os.mkfifo(sys.argv[1] + "/fifo")):
    try:
        act()
    except PermissionError:
        print("refused")
"""
    assert run(body, str(tmp_path)).split() == ["refused", "refused"]
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


def test_a_refused_call_says_so_and_the_process_goes_on() -> None:
    body = """
seccomp.install(seccomp.build_filter())
try:
    socket.socket()
except PermissionError as error:
    print(errno.errorcode[error.errno])
"""
    assert run(body) == "EPERM"


def test_truncation_can_be_refused_where_landlock_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    body = """
seccomp.install(seccomp.build_filter(guard_truncation=True))
for flags in (os.O_RDONLY | os.O_TRUNC, os.O_RDWR | os.O_TRUNC):
    try:
        os.open(sys.argv[1] + "/file", flags)
    except PermissionError:
        print("refused")
"""
    assert run(body, str(tmp_path)).split() == ["refused", "refused"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_the_workers_filter_lets_it_start_children_but_no_programs() -> None:
    body = """
seccomp.install(seccomp.build_filter(for_worker=True))
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
try:
    os.execv("/bin/true", ["true"])
except PermissionError:
    print("refused")
"""
    assert run(body).split() == ["7", "refused"]


@pytest.mark.parametrize("for_worker", [False, True])
def test_a_filter_is_whole_instructions_within_the_kernels_limit(for_worker: bool) -> None:
    program = build_filter(for_worker=for_worker)
    assert len(program) % 8 == 0
    assert len(program) // 8 <= 4096


def test_a_filter_ends_by_refusing() -> None:
    assert build_filter()[-8:] == bytes.fromhex("0600000001000500")


def test_this_kernel_speaks_landlock() -> None:
    assert abi_version() >= 1


def test_memory_of_imports_counts_and_address_space_does_not() -> None:
    page = resource.getpagesize()
    assert memory_ceiling(b"5000 1000 0 0 0 0 0", 2000 * 2**20) == 2000 * 2**20 + 4000 * page


def test_some_memory_is_left_when_imports_take_it_all() -> None:
    page = resource.getpagesize()
    assert memory_ceiling(b"9000 9000 0 0 0 0 0", 1) == 9000 * page + (64 << 20)


def test_without_proc_the_limit_is_taken_as_it_is() -> None:
    assert memory_ceiling(b"", 123) == 123
