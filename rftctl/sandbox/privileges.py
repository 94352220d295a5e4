"""What a process can give up by a single call to the kernel (Linux; elsewhere these do nothing).

In: nothing. Out: this process, less able and less readable than before.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION_3 = 0x20080522


@functools.cache
def libc() -> ctypes.CDLL:
    """Open the C library this process already runs on."""
    return ctypes.CDLL(None, use_errno=True)


def last_error() -> OSError:
    """Make an OSError of the C library's last failure."""
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def make_undumpable() -> None:
    """Keep other processes of this user from reading this one's memory and environment."""
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def drop_privileges() -> None:
    """Give up every capability, and the ability to gain any by running a program.

    Raises:
        OSError: the kernel refuses.
    """
    if sys.platform != "linux":
        return
    for capability in range(_LAST_CAPABILITY + 1):
        _prctl(_PR_CAPBSET_DROP, capability)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc().capset(header, nothing) != 0 or _prctl(_PR_SET_NO_NEW_PRIVS, 1) != 0:
        raise last_error()


def _prctl(option: int, value: int) -> int:
    if sys.platform != "linux":
        return 0
    zero = ctypes.c_ulong(0)
    return int(libc().prctl(option, ctypes.c_ulong(value), zero, zero, zero))
