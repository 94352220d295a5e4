"""A hostile grader: each function is one forbidden act and returns true when it succeeded.

This file is itself the source that runs in the sandbox. `item` tells an act what to aim at.
"""

import ctypes
import errno
import json
import math
import mmap
import os
import platform
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

BREACH = 1.0
CONTROL = 0.25

_X86 = platform.machine() == "x86_64"
_NUMBERS = {
    "clone3": (435, 435),
    "vfork": (58, 220),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "chroot": (161, 51),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "shmget": (29, 194),
    "mq_open": (240, 180),
    "inotify_init1": (294, 26),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "personality": (135, 92),
    "setxattr": (188, 5),
    "name_to_handle_at": (303, 264),
    "prlimit64": (302, 261),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "prctl": (157, 167),
    "seccomp": (317, 277),
    "capset": (126, 91),
    "fanotify_init": (300, 262),
    "kcmp": (312, 272),
    "timer_create": (222, 107),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "settimeofday": (164, 170),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "setpriority": (141, 140),
    "move_pages": (279, 239),
    "landlock_add_rule": (445, 445),
    "openat2": (437, 437),
}
_libc = ctypes.CDLL(None, use_errno=True)


def grade(sample, item):
    """Commit one act, or answer the control item."""
    if sample["act"] == "control":
        return CONTROL
    result = globals()["act_" + sample["act"]](item)
    if sample.get("returns_its_value"):
        return result
    return BREACH if result else 0.0


def _syscall(name, *args):
    wide = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result = _libc.syscall(ctypes.c_long(_NUMBERS[name][0 if _X86 else 1]), *wide)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _reaches(name, *args):
    """Whether a system call is let through to the kernel, even if it then objects to its arguments."""
    try:
        _syscall(name, *args)
    except OSError as error:
        return error.errno not in (errno.EPERM, errno.ENOSYS, errno.EACCES)
    return True


def _spin():
    while True:
        pass


def _linger(path):
    time.sleep(0.3)
    with open(path, "w") as file:
        file.write("still here")
    os._exit(0)


def act_loop(item):
    _spin()


def act_sleep(item):
    time.sleep(1000)
    return True


def act_regex_blow_up(item):
    return re.match(r"(a+)+$", "a" * 64 + "b")


def act_big_power(item):
    return 9**9**9


def act_ignore_signals_and_loop(item):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    _spin()


def act_catch_everything_and_loop(item):
    while True:
        try:
            _spin()
        except BaseException:
            continue


def act_stop_itself(item):
    os.kill(os.getpid(), signal.SIGSTOP)
    _spin()


def act_threads_that_outlive_the_answer(item):
    threading.Thread(target=_linger, args=(item["dir"] + "/lingering",), daemon=False).start()
    return False


def act_bytes_bomb(item):
    blocks = []
    while True:
        blocks.append(b"x" * (1 << 24))


def act_list_bomb(item):
    numbers = [0]
    while True:
        numbers += numbers


def act_small_object_bomb(item):
    things = []
    while True:
        things.append({})


def act_catch_memory_errors(item):
    things = []
    while True:
        try:
            things.append("x" * (1 << 20) + str(len(things)))
        except MemoryError:
            continue


def act_mmap_bomb(item):
    maps = []
    while True:
        area = mmap.mmap(-1, 1 << 26)
        area.write(b"x" * (1 << 26))
        maps.append(area)


def act_memory_bomb_in_threads(item):
    threads = [threading.Thread(target=act_bytes_bomb, args=(item,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def act_raise_own_limits(item):
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return True


def act_memfd(item):
    return _syscall("memfd_create", ctypes.c_char_p(b"x"), 0) >= 0


def act_secret_memory(item):
    return _syscall("memfd_secret", 0) >= 0


def act_fork(item):
    if os.fork() == 0:
        os._exit(0)
    return True


def act_fork_bomb(item):
    while True:
        os.fork()


def act_leave_a_process(item):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _linger(item["dir"] + "/left")
        os._exit(0)
    time.sleep(0.1)
    return True


def act_vfork(item):
    if not _X86:
        raise PermissionError
    if _syscall("vfork") == 0:
        os._exit(0)
    return True


def act_clone3(item):
    args = (ctypes.c_uint64 * 8)(0, 0, 0, 0, int(signal.SIGCHLD), 0, 0, 0)
    if _syscall("clone3", ctypes.byref(args), 64) == 0:
        os._exit(0)
    return True


def act_run_a_program(item):
    return subprocess.run(["/bin/true"]).returncode == 0


def act_posix_spawn(item):
    return os.posix_spawn("/bin/true", ["true"], {}) > 0


def act_os_system(item):
    return os.system("exit 7") >> 8 == 7


def act_exec(item):
    path = item["dir"] + "/executed"
    os.execv("/bin/sh", ["sh", "-c", f"echo yes > '{path}'"])


def act_multiprocessing(item):
    import multiprocessing

    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0,))
    process.start()
    process.join()
    return process.exitcode == 0


def act_thread_bomb(item):
    while True:
        threading.Thread(target=time.sleep, args=(1000,)).start()


def act_read_a_key_file(item):
    return open(item["key_file"]).read()


def act_read_a_key_file_by_symlink(item):
    link = tempfile.gettempdir() + "/link" if _has_scratch() else item["dir"] + "/link"
    os.symlink(item["key_file"], link)
    return open(link).read()


def act_read_a_key_file_through_proc(item):
    return open("/proc/self/root" + item["key_file"]).read()


def act_read_a_key_file_by_openat2(item):
    how = (ctypes.c_uint64 * 3)(0, 0, 0)
    return _syscall("openat2", -100, ctypes.c_char_p(item["key_file"].encode()), ctypes.byref(how), 24) >= 0


def act_read_the_password_file(item):
    return open("/etc/passwd").read()


def act_list_a_folder(item):
    return os.listdir(item["dir"])


def act_list_the_home_folder(item):
    return os.listdir(item["home"])


def act_write_outside(item):
    with open(item["dir"] + "/written", "w") as file:
        file.write("x")
    return True


def act_append_to_a_file(item):
    with open(item["key_file"], "a") as file:
        file.write("x")
    return True


def act_truncate_a_file(item):
    os.truncate(item["key_file"], 0)
    return True


def act_truncate_by_opening(item):
    os.open(item["key_file"], os.O_RDONLY | os.O_TRUNC)
    return True


def act_change_permissions(item):
    os.chmod(item["key_file"], 0o666)
    return True


def act_change_times(item):
    os.utime(item["key_file"], (0, 0))
    return True


def act_change_owner(item):
    os.chown(item["key_file"], os.getuid(), os.getgid())
    return True


def act_set_an_attribute(item):
    path, name = ctypes.c_char_p(item["key_file"].encode()), ctypes.c_char_p(b"user.x")
    return _reaches("setxattr", path, name, ctypes.c_char_p(b"1"), 1, 0)


def act_delete_a_file(item):
    os.unlink(item["dir"] + "/doomed")
    return True


def act_rename_a_file(item):
    os.rename(item["dir"] + "/movable", item["dir"] + "/moved")
    return True


def act_link_a_file(item):
    os.link(item["key_file"], item["dir"] + "/linked")
    return True


def act_make_a_folder(item):
    os.mkdir(item["dir"] + "/made")
    return True


def act_make_a_fifo(item):
    os.mkfifo(item["dir"] + "/fifo")
    return True


def act_change_the_worker(item):
    with open(item["worker_file"], "a"):
        return True


def act_change_an_installed_package(item):
    with open(os.__file__, "a"):
        return True


def act_truncate_an_installed_package(item):
    # Opening without O_TRUNC shows the same right and breaks nothing.
    os.open(os.__file__, os.O_RDWR)
    return True


def act_plant_a_file_handle(item):
    handle = ctypes.create_string_buffer(136)
    struct.pack_into("I", handle, 0, 128)
    mount_id = ctypes.c_int()
    path = ctypes.c_char_p(item["key_file"].encode())
    return _reaches("name_to_handle_at", -100, path, handle, ctypes.byref(mount_id), 0)


def act_chroot(item):
    return _reaches("chroot", ctypes.c_char_p(b"/"))


def act_mount(item):
    nothing = ctypes.c_char_p(b"none")
    return _reaches("mount", nothing, ctypes.c_char_p(item["dir"].encode()), nothing, 0, 0)


def act_open_tree(item):
    return _reaches("open_tree", -100, ctypes.c_char_p(b"/"), 1)


def act_fsopen(item):
    return _reaches("fsopen", ctypes.c_char_p(b"tmpfs"), 0)


def act_watch_a_folder(item):
    return _reaches("inotify_init1", 0)


def act_watch_everything(item):
    return _reaches("fanotify_init", 0, 0)


def act_shared_memory_folder(item):
    with open("/dev/shm/rftctl-" + item["tag"], "w") as file:
        file.write("x")
    os.unlink("/dev/shm/rftctl-" + item["tag"])
    return True


def act_fill_the_disk(item):
    folder = tempfile.gettempdir()
    for number in range(1000):
        with open(f"{folder}/{item['tag']}-{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
        if number * (1 << 20) > 4 * item["disk_bytes"]:
            return True
    return False


def act_one_huge_file(item):
    folder = tempfile.gettempdir()
    with open(f"{folder}/{item['tag']}-huge", "wb") as file:
        file.truncate(64 * item["disk_bytes"])
        return True


def act_many_files(item):
    folder = tempfile.gettempdir()
    number = 0
    while number < 500_000:
        os.close(os.open(f"{folder}/{item['tag']}-{number}", os.O_CREAT | os.O_WRONLY))
        number += 1
    return True


def act_bottomless_folder(item):
    if not _has_scratch():
        raise PermissionError
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
    return False


def act_unreadable_folder(item):
    if not _has_scratch():
        raise PermissionError
    os.mkdir("closed", 0o700)
    open("closed/file", "w").close()
    os.umask(0o777)
    os.mkdir("locked", 0)
    return False


def act_leave_a_note(item):
    with open(tempfile.gettempdir() + "/note", "w") as file:
        file.write("for the next call")
    return False


def act_find_the_note(item):
    return "for the next call" in open(tempfile.gettempdir() + "/note").read()


def _has_scratch():
    return os.environ.get("TMPDIR", "").startswith("/scratch")


def act_key_in_own_environment(item):
    return item["half"] + item["other_half"] in json.dumps(dict(os.environ))


def act_key_in_environment_of_the_worker(item):
    return (item["half"] + item["other_half"]) in open(f"/proc/{os.getppid()}/environ").read()


def act_key_in_environment_of_the_parent(item):
    return (item["half"] + item["other_half"]) in open(f"/proc/{item['parent_pid']}/environ").read()


def act_key_in_environment_of_a_neighbour(item):
    return (item["half"] + item["other_half"]) in open(f"/proc/{item['victim_pid']}/environ").read()


def act_key_in_any_environment(item):
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/environ") as file:
                if item["half"] + item["other_half"] in file.read():
                    return True
        except OSError:
            continue
    return False


def act_memory_of_the_worker(item):
    return open(f"/proc/{os.getppid()}/mem", "rb")


def act_memory_of_the_parent(item):
    return open(f"/proc/{item['parent_pid']}/mem", "rb")


def act_memory_of_a_neighbour(item):
    return open(f"/proc/{item['victim_pid']}/mem", "rb")


def act_descriptors_of_a_neighbour(item):
    return os.listdir(f"/proc/{item['victim_pid']}/fd")


def act_command_lines(item):
    return open(f"/proc/{item['victim_pid']}/cmdline").read()


def act_read_a_neighbour(item):
    return _reaches("process_vm_readv", item["victim_pid"], 0, 0, 0, 0, 0)


def act_trace_a_neighbour(item):
    return _reaches("ptrace", 16, item["victim_pid"], 0, 0)


def act_trace_the_worker(item):
    return _reaches("ptrace", 16, os.getppid(), 0, 0)


def act_steal_a_descriptor(item):
    pidfd = _syscall("pidfd_open", item["victim_pid"], 0)
    return _syscall("pidfd_getfd", pidfd, 0, 0) >= 0


def act_compare_processes(item):
    return _reaches("kcmp", os.getpid(), item["victim_pid"], 0, 0, 0)


def act_kernel_log(item):
    return _reaches("syslog", 10, 0, 0)


def act_tcp(item):
    with socket.create_connection(("127.0.0.1", item["tcp_port"]), timeout=0.3) as connection:
        connection.sendall(b"x")
    return True


def act_udp(item):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", item["udp_port"])) == 1


def act_ipv6(item):
    return socket.socket(socket.AF_INET6, socket.SOCK_STREAM)


def act_listen(item):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
    return True


def act_unix_socket(item):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(item["unix_path"])
    return True


def act_abstract_socket(item):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + item["abstract"])
    return True


def act_redirect_a_socket_pair(item):
    ours, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return ours.sendto(b"x", item["datagram_path"]) == 1


def act_redirect_a_stream_pair(item):
    ours, _ = socket.socketpair()
    ours.connect(item["unix_path"])
    return True


def act_netlink(item):
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


def act_raw_socket(item):
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    except PermissionError:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def act_vsock(item):
    return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)


def act_look_up_a_name(item):
    try:
        return socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise PermissionError from error


def act_http(item):
    import urllib.request

    return urllib.request.urlopen(f"http://127.0.0.1:{item['http_port']}/", timeout=0.5).read()


def act_signal_the_worker(item):
    os.kill(os.getppid(), 0)
    return True


def act_kill_the_worker(item):
    os.kill(os.getppid(), signal.SIGKILL)
    return True


def act_kill_the_parent(item):
    os.kill(item["parent_pid"], 0)
    return True


def act_kill_everyone(item):
    os.kill(-1, 0)
    return True


def act_kill_the_group(item):
    os.killpg(os.getpgid(os.getppid()), 0)
    return True


def act_signal_a_neighbour(item):
    os.kill(item["victim_pid"], 0)
    return True


def act_signal_a_neighbours_thread(item):
    return _syscall("tgkill", item["victim_pid"], item["victim_pid"], 0) == 0


def act_tkill_a_neighbour(item):
    return _syscall("tkill", item["victim_pid"], 0) == 0


def act_signal_by_descriptor(item):
    pidfd = _syscall("pidfd_open", item["victim_pid"], 0)
    return _syscall("pidfd_send_signal", pidfd, 0, 0, 0) == 0


def act_signal_by_file_owner(item):
    import fcntl

    ours, _ = socket.socketpair()
    fcntl.fcntl(ours, fcntl.F_SETOWN, item["victim_pid"])
    return True


def act_queue_a_signal(item):
    event = (ctypes.c_uint32 * 16)(0, 0, 10, 0)
    timer = ctypes.c_int()
    return _reaches("timer_create", 0, ctypes.byref(event), ctypes.byref(timer))


def act_limit_a_neighbour(item):
    limit = (ctypes.c_uint64 * 2)(1 << 40, 1 << 40)
    return _syscall("prlimit64", item["victim_pid"], 9, ctypes.byref(limit), 0) == 0


def act_slow_a_neighbour(item):
    return _syscall("setpriority", 0, item["victim_pid"], 19) == 0


def act_pin_a_neighbour(item):
    mask = (ctypes.c_uint64 * 16)(1)
    return _syscall("sched_setaffinity", item["victim_pid"], 128, ctypes.byref(mask)) >= 0


def act_move_a_neighbours_pages(item):
    return _reaches("move_pages", item["victim_pid"], 0, 0, 0, 0, 0)


def act_starve_a_neighbours_disk(item):
    return _syscall("ioprio_set", 1, item["victim_pid"], 0) == 0


def act_user_namespace(item):
    return _syscall("unshare", 0x10000000) == 0


def act_join_a_namespace(item):
    return _reaches("setns", -1, 0)


def act_io_uring(item):
    params = ctypes.create_string_buffer(120)
    return _syscall("io_uring_setup", 1, params) >= 0


def act_bpf(item):
    return _reaches("bpf", 99, 0, 0)


def act_perf_event(item):
    return _reaches("perf_event_open", 0, 0, -1, -1, 0)


def act_userfaultfd(item):
    return _reaches("userfaultfd", 1 << 30)


def act_keyring(item):
    kind, name = ctypes.c_char_p(b"user"), ctypes.c_char_p(b"rftctl")
    return _syscall("add_key", kind, name, ctypes.c_char_p(b"x"), 1, -2) >= 0


def act_system_v_memory(item):
    identifier = _syscall("shmget", 0, 4096, 0o1600)
    _libc.shmctl(identifier, 0, None)
    return True


def act_message_queue(item):
    return _reaches("mq_open", ctypes.c_char_p(b"rftctl"), 0, 0, 0)


def act_type_into_the_terminal(item):
    import fcntl
    import termios

    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        terminal = 0
    fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
    return True


def act_new_terminal(item):
    import pty

    return pty.openpty()


def act_personality(item):
    return _reaches("personality", 0xFFFFFFFF)


def act_become_readable(item):
    return _syscall("prctl", 4, 1, 0, 0, 0) == 0


def act_outlive_the_worker(item):
    return _syscall("prctl", 1, 0, 0, 0, 0) == 0


def act_become_someone_else(item):
    os.setgid(os.getgid() or 65534)
    os.setuid(os.getuid() or 65534)
    return True


def act_capset(item):
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    return _syscall("capset", ctypes.byref(header), ctypes.byref(data)) == 0


def act_add_a_filter(item):
    return _reaches("seccomp", 0, 1, 0)


def act_add_a_rule(item):
    return _reaches("landlock_add_rule", -1, 1, 0, 0)


def act_rename_the_host(item):
    return _reaches("sethostname", 0, -1)


def act_set_the_clock(item):
    return _reaches("settimeofday", 0, 0)


def act_quota(item):
    return _reaches("quotactl", 0, 0, 0, 0)


def act_leave_the_session(item):
    os.setpgid(0, 0)
    return True


def act_reach_the_system_calls_of_32_bits(item):
    # mov eax, 20 (getpid of i386); int 0x80; ret
    if not _X86:
        raise PermissionError
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0


def act_reach_the_x32_system_calls(item):
    return _libc.syscall(ctypes.c_long(0x40000000 + 39)) > 0


def act_forge_with_garbage(item):
    for fd in range(64):
        try:
            os.write(fd, b"\xff" * 4000)
        except OSError:
            continue
    os._exit(0)


def act_forge_an_answer_for_others(item):
    frame = struct.pack(">I", 21) + struct.pack(">IBdd", 0, 0, 1.0, 0.0)
    for fd in range(4, 64):
        try:
            os.write(fd, frame)
        except OSError:
            continue
    return False


def act_forge_two_answers(item):
    os.write(3, struct.pack(">cd", b"o", 1.0))
    return True


def act_forge_not_a_number(item):
    os.write(3, struct.pack(">cd", b"o", math.nan))
    os._exit(0)


def act_forge_a_status(item):
    os.write(3, struct.pack(">cd", b"\x07", 1.0))
    os._exit(0)


def act_flood_standard_output(item):
    for _ in range(2000):
        os.write(1, b"x" * 65536)
        os.write(2, b"x" * 65536)
    return False


def act_flood_the_answer(item):
    while True:
        os.write(3, b"x" * 65536)


def act_flood_descriptors(item):
    opened = []
    while True:
        opened.append(os.dup(3))


def act_close_every_descriptor(item):
    os.closerange(0, 4096)
    return False


def act_patch_builtins(item):
    import builtins

    builtins.float = lambda *_: 0.0
    builtins.compile = None
    json.loads = None
    sys.modules["rftctl.sandbox.child"] = None
    return False


def act_see_patched_builtins(item):
    return float("0.5") != 0.5


def act_set_an_environment_variable(item):
    os.environ["LEAK"] = "1"
    return False


def act_see_the_environment_variable(item):
    return "LEAK" in os.environ


def act_import_rftctl_from_disk(item):
    import rftctl.ledger

    return rftctl.ledger


class _EvilFloat(float):
    def __float__(self):
        os._exit(0)


class _EvilReduce:
    def __reduce__(self):
        return (os.system, ("true",))


class _EvilError(BaseException):
    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__


def act_return_nan(item):
    return math.nan


def act_return_infinity(item):
    return -math.inf


def act_return_text(item):
    return "1.0"


def act_return_a_huge_integer(item):
    return 10**5000


def act_return_nothing(item):
    return None


def act_return_true(item):
    return True


def act_return_a_list(item):
    return [1.0]


def act_return_a_complex_number(item):
    return 1 + 0j


def act_return_an_evil_float(item):
    return _EvilFloat(1.0)


def act_return_an_evil_object(item):
    return _EvilReduce()


def act_raise_an_evil_error(item):
    raise _EvilError


def act_raise_terminal_codes(item):
    raise ValueError("\x1b]0;owned\x07\x1b[2J\u202e" + "x" * 100_000)


def act_raise_surrogates(item):
    raise ValueError("\ud800")


def act_raise_system_exit(item):
    sys.exit("1.0")


def act_raise_keyboard_interrupt(item):
    raise KeyboardInterrupt


def act_exit_at_once(item):
    os._exit(0)


def act_abort(item):
    os.abort()


def act_segfault(item):
    ctypes.string_at(0)


def act_recurse(item):
    return act_recurse(item)


def act_recurse_in_c(item):
    sys.setrecursionlimit(10**9)
    return act_recurse(item)


def act_nest_deeply(item):
    return json.loads("[" * 100_000)


def act_crash_at_exit(item):
    import atexit

    atexit.register(os.abort)
    return False
