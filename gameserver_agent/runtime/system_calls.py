"""Which system calls a game may make: those that games make, and no others. Pure.

Docker's own list leaves in what debuggers, containers in containers and databases need; much of what was ever found in
kernels lies there. Ours is for programs that draw, play sound, read their files and save. It is a list of what is
allowed: a call that a kernel learns tomorrow is refused until somebody writes it here. A refused call fails with
`EPERM`, one that is newer than all of the list with `ENOSYS` (runc sees to that), and the game goes on. Calls in
another binary format than the machine's own (i386 on x86-64) end it: they would go around the conditions on arguments.
See docs/decisions/0040-games-get-the-system-calls-that-they-need.md.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

_FILES: Final = """
    access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
    fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr
    fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init
    inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr
    lstat memfd_create mkdir mkdirat mknod mknodat newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2
    pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr rename renameat renameat2 rmdir
    sendfile setxattr splice stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink
    unlinkat utime utimensat utimes vmsplice write writev
"""
_WAITING: Final = """
    alarm clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2
    epoll_wait eventfd eventfd2 getitimer gettimeofday nanosleep pause poll ppoll pselect6 restart_syscall select
    setitimer signalfd signalfd4 time timer_create timer_delete timer_getoverrun timer_gettime timer_settime
    timerfd_create timerfd_gettime timerfd_settime
"""
_MEMORY: Final = """
    brk madvise membarrier mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap pkey_alloc
    pkey_free pkey_mprotect semctl semget semop semtimedop shmat shmctl shmdt shmget
"""
_PROCESSES: Final = """
    arch_prctl capget capset execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake
    get_robust_list getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getrandom
    getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill landlock_add_rule
    landlock_create_ruleset landlock_restrict_self pidfd_open pidfd_send_signal prctl prlimit64 rseq rt_sigaction
    rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
    set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setpgid setpriority setregid setresgid setresuid
    setreuid setrlimit setsid setuid sigaltstack sysinfo tgkill times tkill uname vfork wait4 waitid
"""
_SOCKETS: Final = """
    accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg
    sendto setsockopt shutdown socketpair
"""
"""But for `socket` itself, which depends on the family."""

ALLOWED: Final = tuple(sorted(f"{_FILES} {_WAITING} {_MEMORY} {_PROCESSES} {_SOCKETS}".split()))

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_ROUTE, _DEVICE_EVENTS = 0, 15
"""Protocols of netlink: what addresses there are, and what udev's library opens before it counts joysticks."""
_NEW_NAMESPACES: Final = 0x7E020000
"""Of `clone`: a mount, cgroup, UTS, IPC, user, PID or network namespace."""
_USUAL_PERSONALITY, _WHICH_PERSONALITY = 0, 0xFFFFFFFF
_NO_SUCH_CALL: Final = 38
"""`ENOSYS`: a C library that hears it of `clone3`, whose flags no filter can read, asks by `clone`."""


def profile() -> Mapping[str, Any]:
    """In the form of Docker's profiles (https://docs.docker.com/engine/security/seccomp/)."""
    families = (_UNIX, _INET, _INET6)
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": [
            _allowed(ALLOWED),
            *(_allowed(("socket",), _equals(0, family)) for family in families),
            *(_allowed(("socket",), _equals(0, _NETLINK), _equals(2, each)) for each in (_ROUTE, _DEVICE_EVENTS)),
            _allowed(("clone",), {"index": 0, "value": _NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}),
            _allowed(("personality",), _equals(0, _USUAL_PERSONALITY)),
            _allowed(("personality",), _equals(0, _WHICH_PERSONALITY)),
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _NO_SUCH_CALL},
        ],
    }


def _allowed(names: Sequence[str], *conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"names": list(names), "action": "SCMP_ACT_ALLOW", "args": list(conditions)}


def _equals(index: int, value: int) -> Mapping[str, Any]:
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


PROFILE: Final = json.dumps(profile(), separators=(",", ":"))
"""As a container's security option has it."""
