"""Landlock by ctypes: a process gives up the file system, TCP and signals, and cannot take them back.

In: the paths that stay readable, and writable. Out: a ruleset descriptor, enforced by `restrict`.
Source: Documentation/userspace-api/landlock.rst. System call numbers are the same on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING

from rftctl.sandbox.privileges import last_error, libc

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
_READ = _READ_FILE | _READ_DIR
# Files, folders, and their removal; neither devices, sockets, fifos nor symbolic links.
_WRITE = _WRITE_FILE | (1 << 4) | (1 << 5) | (1 << 7) | (1 << 8) | (1 << 13) | _TRUNCATE
_FILE_RIGHTS = _READ_FILE | _WRITE_FILE | _TRUNCATE

# ABI -> the file-system rights it knows: of files and folders, then refer, truncate, ioctl on devices.
_KNOWN_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET_ABI, _SCOPE_ABI = 4, 6
_NET_RIGHTS = 0b11  # bind and connect of TCP
_SCOPES = 0b11  # abstract unix sockets, signals


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi_version() -> int:
    """Ask the kernel which Landlock it speaks; 0 when it has none or refuses."""
    if sys.platform != "linux":
        return 0
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def make_ruleset(readable: Iterable[str], writable: Iterable[str] = ()) -> int:
    """Build a ruleset that denies everything but the given paths; paths that do not exist are left out.

    Returns:
        A descriptor for `restrict`; the caller closes it.

    Raises:
        OSError: the kernel has no Landlock.
    """
    abi = abi_version()
    rights = _KNOWN_RIGHTS[max((known for known in _KNOWN_RIGHTS if known <= abi), default=1)]
    attr = _RulesetAttr(rights, _NET_RIGHTS if abi >= _NET_ABI else 0, _SCOPES if abi >= _SCOPE_ABI else 0)
    # A kernel that knows a shorter attribute accepts this one as long as the part it does not know is zero.
    ruleset = _call(_CREATE_RULESET, ctypes.byref(attr), ctypes.c_size_t(ctypes.sizeof(attr)), 0)
    for path in readable:
        _allow(ruleset, path, _READ & rights)
    for path in writable:
        _allow(ruleset, path, (_READ | _WRITE) & rights)
    return ruleset


def restrict(ruleset: int) -> None:
    """Enforce a ruleset on this process for good; needs no_new_privs.

    Raises:
        OSError: the kernel refuses.
    """
    _call(_RESTRICT_SELF, ruleset, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if os.path.isdir(path) else rights & _FILE_RIGHTS  # noqa: PTH112 - lean start
        rule = _PathBeneathAttr(allowed, fd)
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(fd)


def _call(number: int, *args: object) -> int:
    result = libc().syscall(ctypes.c_long(number), *args)
    if result < 0:
        raise last_error()
    return int(result)
