"""A seccomp filter as raw BPF: which system calls confined code may make.

In: the machine's architecture. Out: a filter program, loaded by `install`.
What is not listed is refused with EPERM; calls a libc merely tries first get ENOSYS, so it falls back.
Numbers: the kernel's unistd tables, x86-64 / aarch64, "-" where the architecture lacks the call.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import TYPE_CHECKING

from rftctl.sandbox.privileges import last_error, libc

if TYPE_CHECKING:
    from collections.abc import Callable

_ALLOWED = """
read=0/63 write=1/64 close=3/57 fstat=5/80 lseek=8/62 mmap=9/222 mprotect=10/226 munmap=11/215
brk=12/214 rt_sigaction=13/134 rt_sigprocmask=14/135 rt_sigreturn=15/139 pread64=17/67
pwrite64=18/68 preadv=295/69 preadv2=327/286 readv=19/65 writev=20/66 access=21/- sched_yield=24/124
mremap=25/216 msync=26/227 mincore=27/232 madvise=28/233 dup=32/23 dup2=33/- dup3=292/24
nanosleep=35/101 getitimer=36/102 setitimer=38/103 alarm=37/- getpid=39/172 gettid=186/178
exit=60/93 exit_group=231/94 uname=63/160 flock=73/32 fsync=74/82 fdatasync=75/83
ftruncate=77/46 getdents64=217/61 getcwd=79/17 chdir=80/49 fchdir=81/50 rename=82/- renameat=264/38
renameat2=316/276 mkdir=83/- mkdirat=258/34 rmdir=84/- unlink=87/- unlinkat=263/35 readlink=89/-
readlinkat=267/78 umask=95/166 gettimeofday=96/169 getrlimit=97/163 getrusage=98/165 sysinfo=99/179
times=100/153 getuid=102/174 getgid=104/176 geteuid=107/175 getegid=108/177 getresuid=118/148
getresgid=120/150 getgroups=115/158 getpgrp=111/- getppid=110/173 getpgid=121/155 getsid=124/156
sigaltstack=131/132 statfs=137/43 fstatfs=138/44 arch_prctl=158/- futex=202/98
sched_getaffinity=204/123 sched_getparam=143/121 sched_getscheduler=145/120 set_tid_address=218/96
clock_gettime=228/113 clock_getres=229/114 clock_nanosleep=230/115 poll=7/- ppoll=271/73 select=23/-
pselect6=270/72 epoll_create=213/- epoll_create1=291/20 epoll_ctl=233/21 epoll_wait=232/-
epoll_pwait=281/22 eventfd2=290/19 pipe=22/- pipe2=293/59 newfstatat=262/79
stat=4/- lstat=6/- statx=332/291 faccessat=269/48 faccessat2=439/439 set_robust_list=273/99
get_robust_list=274/100 getrandom=318/278 membarrier=324/283 rseq=334/293 close_range=436/436
getpriority=140/141 getcpu=309/168 time=201/- restart_syscall=219/128 rt_sigpending=127/136
rt_sigtimedwait=128/137 rt_sigsuspend=130/133 pause=34/- wait4=61/260 waitid=247/95 sendfile=40/71
copy_file_range=326/285 fallocate=285/47 fadvise64=221/223 recvfrom=45/207 shutdown=48/210
getsockname=51/204 getpeername=52/205 getsockopt=55/209 timerfd_create=283/85
timerfd_settime=286/86 timerfd_gettime=287/87
"""
# What the worker needs on top, to start calls, confine them and end them.
_WORKER_ALLOWED = """
fork=57/- clone=56/220 kill=62/129 pidfd_open=434/434 setsid=112/157 setrlimit=160/164 prlimit64=302/261
prctl=157/167 seccomp=317/277 landlock_restrict_self=446/446
"""
_ABSENT = "clone3=435/435 openat2=437/437 memfd_create=319/279"
_CONDITIONAL = """
clone=56/220 ioctl=16/29 prctl=157/167 fcntl=72/25 prlimit64=302/261 socketpair=53/199 sendto=44/206
open=2/- openat=257/56
"""
_FIRST_UNKNOWN = 449  # futex_waitv and whatever newer kernels add, the same on every architecture

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32_BIT = 0x40000000

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS

_LOAD, _AND, _RET = 0x20, 0x54, 0x06
_JEQ, _JGE, _JSET = 0x15, 0x35, 0x45
_NR_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16

_CLONE_THREAD = 0x10000
_CLONE_NAMESPACES = 0x7E020080
_SAFE_IOCTLS = (
    0x5401,
    0x5413,
    0x5421,
    0x541B,
    0x5450,
    0x5451,
)  # isatty, window size, nonblock, FIONREAD, cloexec
_SAFE_PRCTLS = (3, 15, 16, 0x53564D41)  # get dumpable, set and get name, name a mapping
_SIGNALLING_FCNTLS = (8, 10, 15, 1024, 1026)  # owner, signal, owner_ex, lease, notify: all make signals
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF

_PR_SET_SECCOMP, _FILTER = 22, 2

_Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def build_filter(*, for_worker: bool = False, guard_truncation: bool = False) -> bytes:
    """Build the filter for this machine.

    Args:
        for_worker: also allow what the worker needs to start and end calls.
        guard_truncation: refuse O_TRUNC, which Landlock before ABI 3 lets through.

    Raises:
        OSError: this architecture has no table.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no system call table for {machine}")
    column, audit_arch = _ARCHITECTURES[machine]
    program = _prologue(audit_arch, x32=machine == "x86_64")
    allowed = _numbers(_WORKER_ALLOWED, column) if for_worker else {}
    for number in (allowed | _numbers(_ALLOWED, column)).values():
        program += _when(number, [_ret(_ALLOW)])
    for name, number in _numbers(_CONDITIONAL, column).items():
        if name not in allowed:
            program += _when(number, _condition(name, guard_truncation=guard_truncation))
    for number in _numbers(_ABSENT, column).values():
        program += _when(number, [_ret(_ENOSYS)])
    program += [(_JGE, 0, 1, _FIRST_UNKNOWN), _ret(_ENOSYS), _ret(_EPERM)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def install(program: bytes) -> None:
    """Load a filter into this process for good; needs no_new_privs.

    Raises:
        OSError: the kernel refuses.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.addressof(buffer))
    if libc().prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(header), 0, 0) != 0:
        raise last_error()


def _numbers(table: str, column: int) -> dict[str, int]:
    entries = (entry.partition("=") for entry in table.split())
    numbers = ((name, value.split("/")[column]) for name, _, value in entries)
    return {name: int(number) for name, number in numbers if number != "-"}


def _prologue(audit_arch: int, *, x32: bool) -> list[_Instruction]:
    program = [
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_JEQ, 1, 0, audit_arch),
        _ret(_KILL),
        (_LOAD, 0, 0, _NR_OFFSET),
    ]
    if x32:
        program += [(_JGE, 0, 1, _X32_BIT), _ret(_KILL)]
    return program


def _condition(name: str, *, guard_truncation: bool) -> list[_Instruction]:
    if name in ("open", "openat"):
        flags = 1 if name == "open" else 2
        return _refuse_bits(flags, os.O_TRUNC) if guard_truncation else [_ret(_ALLOW)]
    return _CONDITIONS[name]()


def _when(number: int, block: list[_Instruction]) -> list[_Instruction]:
    # Every block returns, so the number stays loaded for the next comparison.
    return [(_JEQ, 0, len(block), number), *block]


def _ret(action: int) -> _Instruction:
    return (_RET, 0, 0, action)


def _low(arg: int) -> _Instruction:
    return (_LOAD, 0, 0, _ARGS_OFFSET + 8 * arg)


def _high(arg: int) -> _Instruction:
    return (_LOAD, 0, 0, _ARGS_OFFSET + 8 * arg + 4)


def _refuse_bits(arg: int, bits: int) -> list[_Instruction]:
    return [_low(arg), (_JSET, 0, 1, bits), _ret(_EPERM), _ret(_ALLOW)]


def _one_of(arg: int, values: tuple[int, ...], *, then: int, otherwise: int) -> list[_Instruction]:
    block = [_low(arg)]
    for value in values:
        block += [(_JEQ, 0, 1, value), _ret(then)]
    return [*block, _ret(otherwise)]


def _null_pointer(arg: int) -> list[_Instruction]:
    return [_low(arg), (_JEQ, 0, 2, 0), _high(arg), (_JEQ, 1, 0, 0), _ret(_EPERM), _ret(_ALLOW)]


def _threads_only() -> list[_Instruction]:
    refuse_unless_thread = [_low(0), (_JSET, 1, 0, _CLONE_THREAD), _ret(_EPERM)]
    return refuse_unless_thread + _refuse_bits(0, _CLONE_NAMESPACES)


def _stream_pairs_only() -> list[_Instruction]:
    # A datagram socket could still be pointed at any unix socket by sendto.
    return [
        _low(0),
        (_JEQ, 1, 0, _AF_UNIX),
        _ret(_EPERM),
        _low(1),
        (_AND, 0, 0, _SOCK_TYPE_MASK),
        (_JEQ, 1, 0, _SOCK_STREAM),
        _ret(_EPERM),
        _ret(_ALLOW),
    ]


_CONDITIONS: dict[str, Callable[[], list[_Instruction]]] = {
    "clone": _threads_only,
    "ioctl": lambda: _one_of(1, _SAFE_IOCTLS, then=_ALLOW, otherwise=_EPERM),
    "prctl": lambda: _one_of(0, _SAFE_PRCTLS, then=_ALLOW, otherwise=_EPERM),
    "fcntl": lambda: _one_of(1, _SIGNALLING_FCNTLS, then=_EPERM, otherwise=_ALLOW),
    "prlimit64": lambda: _null_pointer(2),
    "socketpair": _stream_pairs_only,
    "sendto": lambda: _null_pointer(4),
}
