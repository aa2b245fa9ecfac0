"""The list of system calls that games get: what it leaves out, and that it is in the form that engines read."""

import json
from typing import Any

from gameserver_agent.runtime.system_calls import ALLOWED, PROFILE

NEVER = {
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),  # other processes
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup"),
    *("add_key", "keyctl", "request_key"),
    *("mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "fsopen", "move_mount", "open_tree"),
    *("open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl", "swapon", "acct"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "reboot", "syslog", "iopl", "ioperm", "modify_ldt"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "vhangup"),
    *("move_pages", "migrate_pages", "mbind", "set_mempolicy", "memfd_secret", "uselib", "_sysctl"),
}


def test_what_no_game_needs_is_left_out() -> None:
    assert not NEVER & set(ALLOWED)
    assert not {"socket", "clone", "clone3", "personality"} & set(ALLOWED), "these depend on their arguments"
    assert len(ALLOWED) == len(set(ALLOWED)) > 200


def test_what_is_not_named_is_refused_and_other_formats_are_no_way_around() -> None:
    profile: dict[str, Any] = json.loads(PROFILE)
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert all(each["subArchitectures"] == [] for each in profile["archMap"])
    conditions = {name: rule["args"] for rule in profile["syscalls"] if rule.get("args") for name in rule["names"]}
    assert set(conditions) == {"socket", "clone", "personality"}
