"""Take from a parser child what parsing never needs: network, files by name, processes, kernel interfaces.

Linux only, through ctypes, for any user. The child keeps reading its already open input and writing to its
pipe; every listed call fails with EPERM. What this cannot do: stop a child from computing wrong pages, or
from using what is already mapped into it.
Source: Linux arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h, linux/seccomp.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000

_RET_KILL_PROCESS = 0x80000000
_RET_ERRNO = 0x00050000
_RET_ALLOW = 0x7FFF0000

# fmt: off
# name: (x86-64, arm64); None where the architecture has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    # network
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200),
    "listen": (50, 201), "socketpair": (53, 199), "sendto": (44, 206), "sendmsg": (46, 211),
    # files by name, and changes to files
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "memfd_create": (319, 279),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "mknod": (133, None), "mknodat": (259, 33), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54),
    "truncate": (76, 45), "ftruncate": (77, 46), "mount": (165, 40), "umount2": (166, 39),
    "chroot": (161, 51), "pivot_root": (155, 41),
    # processes
    "clone": (56, 220), "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kcmp": (312, 272), "setrlimit": (160, 164), "prlimit64": (302, 261),
    # kernel interfaces
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "userfaultfd": (323, 282),
    "perf_event_open": (298, 241), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "reboot": (169, 142), "mq_open": (240, 180), "msgget": (68, 186),
    "semget": (64, 190), "shmget": (29, 194),
}
# fmt: on
_CLONE3 = 435  # answered with ENOSYS: the C library then falls back to clone, which is denied

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32_BIT = 0x40000000  # x86-64 kernels accept the same calls a second time under this bit


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _instruction(code: int, jump_true: int, jump_false: int, k: int) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def build_filter(machine: str) -> bytes | None:
    """The BPF program for a machine name of platform.machine(), or None where no table is known."""
    if machine not in _ARCHITECTURES:
        return None
    audit_arch, column = _ARCHITECTURES[machine]
    load, jump_equal, jump_at_least, give = 0x20, 0x15, 0x35, 0x06
    deny = _instruction(give, 0, 0, _RET_ERRNO | errno.EPERM)
    program = [
        _instruction(load, 0, 0, 4),
        _instruction(jump_equal, 1, 0, audit_arch),
        _instruction(give, 0, 0, _RET_KILL_PROCESS),
        _instruction(load, 0, 0, 0),
        _instruction(jump_at_least, 0, 1, _X32_BIT),
        deny,
        _instruction(jump_equal, 0, 1, _CLONE3),
        _instruction(give, 0, 0, _RET_ERRNO | errno.ENOSYS),
    ]
    for numbers in DENIED.values():
        number = numbers[column]
        if number is not None:
            program += [_instruction(jump_equal, 0, 1, number), deny]
    program.append(_instruction(give, 0, 0, _RET_ALLOW))
    return b"".join(program)


def deny_system_calls() -> bool:
    """Install the filter in this process for good; False where the platform has none."""
    program = build_filter(platform.machine()) if sys.platform == "linux" else None
    if program is None:
        return False
    libc = _libc()
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    holder = _Program(len(program) // 8, program)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(holder), 0, 0) == 0)


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this signal when the thread that forked us ends (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def leave_network() -> bool:
    """Move this process, and all it forks, into a network namespace without interfaces.

    Works for root, and for others where the system allows user namespaces; many containers forbid both.
    """
    if sys.platform != "linux":
        return False
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    return bool(_libc().unshare(flags) == 0)
