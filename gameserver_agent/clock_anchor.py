"""What time it is at the orchestrator, by what it said and how much time has passed here since. Pure."""

from dataclasses import dataclass, replace

SLACK_S = 0.05
LEAP_S = 30.0
BELIEVED_AFTER_S = 15.0


@dataclass(frozen=True)
class Reading:
    """What the host's clocks show at one instant. `boot_s` grows evenly until `boot_id` changes."""

    boot_id: str
    boot_s: float
    wall_s: float


@dataclass(frozen=True)
class Anchor:
    """At `boot_s` of this boot the orchestrator's clock showed `orchestrator_s`. Since `leap_since_s` its answers have
    been far ahead of that.
    """

    boot_id: str
    boot_s: float
    orchestrator_s: float
    leap_since_s: float | None = None


def told_s(anchor: Anchor | None, at: Reading) -> float:
    """The orchestrator's time. Without an anchor it is the wall clock's; after a reboot that, too, but not behind what
    the orchestrator was heard to say.
    """
    if anchor is None:
        return at.wall_s
    if anchor.boot_id != at.boot_id:
        return max(at.wall_s, anchor.orchestrator_s)
    return anchor.orchestrator_s + at.boot_s - anchor.boot_s


def heard(anchor: Anchor | None, sent: Reading, received: Reading, now_s: float) -> Anchor:
    """The anchor after an answer that showed `now_s` at some instant between `sent` and `received`.

    An answer that fits changes nothing. A leap ahead of more than `LEAP_S` is believed only when the answers have been
    ahead for `BELIEVED_AFTER_S`: deadlines that the orchestrator is about to move with its clock must not fall due.
    """
    if anchor is None or anchor.boot_id != received.boot_id:
        return Anchor(received.boot_id, (sent.boot_s + received.boot_s) / 2, now_s)
    if told_s(anchor, sent) - SLACK_S <= now_s <= told_s(anchor, received) + SLACK_S:
        return replace(anchor, leap_since_s=None)
    if now_s > told_s(anchor, received) + LEAP_S:
        since_s = received.boot_s if anchor.leap_since_s is None else anchor.leap_since_s
        if received.boot_s < since_s + BELIEVED_AFTER_S:
            return replace(anchor, leap_since_s=since_s)
    return Anchor(received.boot_id, (sent.boot_s + received.boot_s) / 2, now_s)
