"""Every forbidden act, at every level that contains, as root and as an ordinary user.

`acts.py` holds the acts; `driver.py` runs them and looks at what they did. A subset runs at S1 too, as
positive control: there the same act succeeds, so a pass at S2 and S3 is the sandbox's doing.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[[str, str], dict[str, Any]]

CANARY = "sk-canary-7f3a91c2"
LEVELS = ("S2", "S3")
USERS = ("root", "nobody") if os.getuid() == 0 else ("user",)

_TREE = ast.parse(Path(__file__).with_name("acts.py").read_text(encoding="utf-8"))
_FUNCTIONS = [node.name for node in _TREE.body if isinstance(node, ast.FunctionDef)]
ACTS = [name.removeprefix("act_") for name in _FUNCTIONS if name.startswith("act_")]

# fmt: off
POSSIBLE_WITHOUT_WALLS = [
    "fork", "leave_a_process", "run_a_program", "posix_spawn", "os_system", "exec",
    "multiprocessing", "read_a_key_file", "read_a_key_file_by_symlink",
    "read_a_key_file_through_proc", "read_a_key_file_by_openat2", "read_the_password_file",
    "list_a_folder", "write_outside", "delete_a_file", "rename_a_file", "link_a_file",
    "make_a_folder", "make_a_fifo", "plant_a_file_handle", "watch_a_folder", "memfd",
    "command_lines", "read_a_neighbour", "tcp", "udp", "listen", "unix_socket", "abstract_socket",
    "redirect_a_socket_pair", "netlink", "look_up_a_name", "http", "signal_the_worker",
    "kill_the_parent", "signal_a_neighbour", "signal_a_neighbours_thread", "tkill_a_neighbour",
    "signal_by_descriptor", "signal_by_file_owner", "queue_a_signal", "limit_a_neighbour",
    "join_a_namespace", "bpf", "system_v_memory", "message_queue", "personality", "become_readable",
    "outlive_the_worker", "capset", "add_a_filter", "add_a_rule", "import_rftctl_from_disk",
    "change_permissions", "change_times", "truncate_a_file", "truncate_by_opening",
    "clone3", "new_terminal", "keyring", "set_an_attribute",
]
# fmt: on

SECRET_EVEN_WITHOUT_WALLS = [
    "key_in_own_environment",
    "key_in_environment_of_the_worker",
    "key_in_environment_of_the_parent",
]
CONTROLS = POSSIBLE_WITHOUT_WALLS + SECRET_EVEN_WITHOUT_WALLS

STATUSES = {
    "loop": "timeout",
    "sleep": "timeout",
    "regex_blow_up": "timeout",
    "big_power": "timeout",
    "ignore_signals_and_loop": "timeout",
    "mmap_bomb": "memory",
    "forge_with_garbage": "forged",
    "forge_two_answers": "forged",
    "forge_not_a_number": "forged",
    "forge_a_status": "forged",
    "return_nan": "bad_value",
    "return_infinity": "bad_value",
    "return_text": "bad_value",
    "return_a_huge_integer": "bad_value",
    "return_nothing": "bad_value",
    "return_true": "bad_value",
    "return_a_list": "bad_value",
    "return_a_complex_number": "bad_value",
    "raise_system_exit": "runtime_error",
    "raise_an_evil_error": "runtime_error",
    "recurse": "runtime_error",
    "exit_at_once": "killed",
    "abort": "killed",
    "segfault": "killed",
}


PLAN = {(level, user): ACTS for level in LEVELS for user in USERS} | {
    ("S1", user): CONTROLS for user in USERS
}


@pytest.fixture
def report(act_runs: Any) -> Report:
    act_runs.plan(PLAN)
    return act_runs.report  # type: ignore[no-any-return]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", USERS)
def test_an_act_is_contained(report: Report, user: str, level: str, act: str) -> None:
    outcome = report(level, user)["acts"][act]
    assert outcome["value"] != 1.0
    assert outcome["changes"] == []
    assert outcome["status"] != "server_error"


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", USERS)
def test_the_next_call_is_right_after_an_act(report: Report, user: str, level: str, act: str) -> None:
    assert report(level, user)["acts"][act]["control"] == 0.25


@pytest.mark.parametrize("act", sorted(STATUSES))
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", USERS)
def test_an_act_is_named_for_what_it_is(report: Report, user: str, level: str, act: str) -> None:
    assert report(level, user)["acts"][act]["status"] == STATUSES[act]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", USERS)
def test_nothing_is_left_behind(report: Report, user: str, level: str) -> None:
    assert report(level, user)["left_behind"] == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", USERS)
def test_the_key_appears_in_no_answer(report: Report, user: str, level: str) -> None:
    assert CANARY not in str(report(level, user))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", USERS)
def test_details_are_one_safe_line(report: Report, user: str, level: str) -> None:
    details = [outcome["detail"] for outcome in report(level, user)["acts"].values()]
    assert all(detail.isprintable() and len(detail) <= 300 for detail in details)


@pytest.mark.parametrize("act", POSSIBLE_WITHOUT_WALLS)
@pytest.mark.parametrize("user", USERS)
def test_an_act_succeeds_without_walls(report: Report, user: str, act: str) -> None:
    outcome = report("S1", user)["acts"][act]
    assert outcome["value"] == 1.0 or outcome["changes"]


@pytest.mark.parametrize("act", SECRET_EVEN_WITHOUT_WALLS)
@pytest.mark.parametrize("user", USERS)
def test_the_key_is_out_of_reach_even_without_walls(report: Report, user: str, act: str) -> None:
    outcome = report("S1", user)["acts"][act]
    assert outcome["value"] != 1.0
