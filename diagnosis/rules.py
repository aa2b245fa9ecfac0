"""Findings of what any machine may lack. Pure; what is measured comes in."""

from datetime import timedelta

from diagnosis.finding import Finding, Level

_GIB = 1024**3
LEAST_FREE = 0.03
LITTLE_FREE = 0.10
CLOCK_HINT = timedelta(seconds=5)
CLOCK_BROKEN = timedelta(seconds=60)
DAYS_HINT, DAYS_BROKEN = 21, 3


def of_disk(subject: str, folder: str, free_bytes: int, total_bytes: int) -> Finding:
    share = free_bytes / total_bytes if total_bytes else 0.0
    says = f"{free_bytes / _GIB:.1f} GiB of {total_bytes / _GIB:.1f} GiB are free in {folder}."
    mend = f"Make room: `du -xh {folder} | sort -h | tail` shows what takes it."
    if share < LEAST_FREE:
        return Finding(Level.BROKEN, subject, says, mend)
    return Finding(Level.HINT, subject, says, mend) if share < LITTLE_FREE else Finding(Level.OK, subject, says)


def of_clock(subject: str, than: str, skew: timedelta) -> Finding:
    """`skew` is how much this machine's clock is ahead of the other's."""
    seconds = skew.total_seconds()
    says = f"This machine's clock is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} {than}."
    mend = "Keep it by NTP: `timedatectl set-ntp true`."
    if abs(skew) > CLOCK_BROKEN:
        return Finding(Level.BROKEN, subject, says, mend)
    if abs(skew) > CLOCK_HINT:
        return Finding(Level.HINT, subject, says, mend)
    return Finding(Level.OK, subject, f"This machine's clock and {than} agree.")


def of_certificate(url: str, days: float) -> Finding:
    """`days` until it ends. One that has ended is no answer at all (`of_answer`)."""
    says = f"The certificate of {url} is good for {days:.0f} days."
    if days >= DAYS_HINT:
        return Finding(Level.OK, "certificate", says)
    mend = "Renew it; Caddy does it by itself where ports 80 and 443 reach it."
    return Finding(Level.BROKEN if days < DAYS_BROKEN else Level.HINT, "certificate", says, mend)


def of_program(name: str, path: str | None, package: str, *, why: str, is_needed: bool = True) -> Finding:
    """`path` is None when it is not installed; `why` says what it is for."""
    if path is not None:
        return Finding(Level.OK, name, f"{path} is there.")
    level = Level.BROKEN if is_needed else Level.HINT
    return Finding(level, name, f"It is not installed: {why}.", f"apt-get install {package}")


def of_public_url(url: str, status: int | None, trouble: str, mend: str, *, is_distrusted: bool) -> Finding:
    """Of a GET of what players reach. Silence is but a hint: many routers do not lead a machine's call to its own
    public address back to it, and players come through all the same.
    """
    if status is None and not is_distrusted:
        says = f"{url} does not answer this machine: {trouble}"
        return Finding(Level.HINT, "public URL", says, f"Ask it from outside. If it is silent there too: {mend}")
    return of_answer("public URL", url, status, trouble, mend, accepted=range(200, 300))


def of_answer(subject: str, url: str, status: int | None, trouble: str, mend: str, *, accepted: range) -> Finding:
    """Of a GET: its status, or None and the `trouble` there was."""
    if status is None:
        return Finding(Level.BROKEN, subject, f"{url} does not answer: {trouble}", mend)
    if status not in accepted:
        return Finding(Level.BROKEN, subject, f"{url} answers {status}.", mend)
    return Finding(Level.OK, subject, f"{url} answers.")
