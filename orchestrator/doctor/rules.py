"""Facts of a replica's surroundings become findings. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from diagnosis import Finding, Level, of_answer, of_certificate, of_clock, of_disk, of_program, of_public_url


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """`trouble` is empty when it answers; the rest is known only then. `skew` is how far we are ahead of its clock."""

    shown: str
    trouble: str = ""
    revision: str | None = None
    head: str = ""
    is_current: bool = False
    skew: timedelta = timedelta()
    ready_hosts: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Texts that are empty say that nothing is wrong; what is None is not set up, or could not be seen."""

    data: str
    data_trouble: str
    disk_free_bytes: int
    disk_total_bytes: int
    database: DatabaseFacts
    store: str
    store_trouble: str
    public_url: str
    public_status: int | None
    public_trouble: str
    is_public_distrusted: bool = False
    certificate_days: float | None = None
    registry: str | None = None
    registry_url: str = ""
    registry_status: int | None = None
    registry_trouble: str = ""
    engine: str | None = None
    engine_trouble: str = ""
    stockfish: str | None = None
    relays: tuple[tuple[str, str], ...] = ()
    """Each with its trouble."""
    mail: str | None = None
    mail_trouble: str = ""


def findings(facts: Facts) -> list[Finding]:
    """In the order in which they are best mended."""
    return [
        *_data(facts),
        *_database(facts.database),
        _store(facts),
        *_address(facts),
        *_images(facts),
        *_relays(facts),
        *_mail(facts),
        of_program(
            "stockfish",
            facts.stockfish,
            "stockfish",
            why="strong chess bots think with it",
            is_needed=False,
        ),
    ]


def _data(facts: Facts) -> Iterator[Finding]:
    if facts.data_trouble:
        own = f"mkdir -p {facts.data} && chown $(id -un) {facts.data}, or set ORCHESTRATOR_DATA"
        mend = f"Run it as the replica's user; if it is that one: {own}"
        yield Finding(Level.BROKEN, "data folder", f"{facts.data_trouble}.", mend)
    else:
        yield of_disk("data folder", facts.data, facts.disk_free_bytes, facts.disk_total_bytes)


def _database(facts: DatabaseFacts) -> Iterator[Finding]:
    if facts.trouble:
        mend = "Start it, or set ORCHESTRATOR_DATABASE_URL; `orchestrator migrate` makes a new one."
        yield Finding(Level.BROKEN, "database", f"{facts.shown} cannot be used: {facts.trouble}", mend)
        return
    yield Finding(Level.OK, "database", f"{facts.shown} answers.")
    if facts.is_current:
        yield Finding(Level.OK, "migrations", f"It is at revision {facts.revision}.")
    else:
        says = f"It is at revision {facts.revision or 'nothing'}, and this program needs {facts.head}."
        yield Finding(Level.BROKEN, "migrations", says, "orchestrator migrate")
        return
    yield of_clock("clock", "the database's", facts.skew)
    if facts.ready_hosts:
        yield Finding(Level.OK, "hosts", f"{facts.ready_hosts} {'is' if facts.ready_hosts == 1 else 'are'} ready.")
    else:
        mend = "`orchestrator hosts list` shows those there are; `orchestrator hosts token` lets another one join."
        yield Finding(Level.HINT, "hosts", "None is ready: nobody can launch.", mend)


def _store(facts: Facts) -> Finding:
    if facts.store_trouble:
        mend = "docs/saves-in-s3.md has the settings and the rights that the keys need."
        return Finding(Level.BROKEN, "store of saves", f"{facts.store} cannot be used: {facts.store_trouble}", mend)
    return Finding(Level.OK, "store of saves", f"{facts.store} takes archives.")


def _address(facts: Facts) -> Iterator[Finding]:
    mend = "Start a replica (`orchestrator serve`), see to the proxy before it, or set ORCHESTRATOR_PUBLIC_URL."
    live = f"{facts.public_url}/health/live"
    distrusted = facts.is_public_distrusted
    yield of_public_url(live, facts.public_status, facts.public_trouble, mend, is_distrusted=distrusted)
    if facts.certificate_days is not None:
        yield of_certificate(facts.public_url, facts.certificate_days)
    parts = urlsplit(facts.public_url)
    if parts.scheme == "http" and not _is_local(parts.hostname or ""):
        says = "Players come by plain http: their browsers keep gamepads, clipboard and secure cookies from the page."
        yield Finding(Level.HINT, "public URL", says, "Put a proxy with TLS before it (docs/operations.md).")


def _images(facts: Facts) -> Iterator[Finding]:
    if facts.registry is not None:
        # 401 is a registry that wants to know who asks: whether the login is right shows at the first push.
        status = 200 if facts.registry_status == 401 else facts.registry_status
        mend = "Start it, or set ORCHESTRATOR_REGISTRY (docs/registry.md)."
        yield of_answer("registry", facts.registry_url, status, facts.registry_trouble, mend, accepted=range(200, 300))
    if facts.engine is not None:
        yield Finding(Level.OK, "engine", f"Docker Engine {facts.engine} answers.")
    else:
        says = f"No Docker Engine answers here ({facts.engine_trouble}): `games add` needs one, replicas do not."
        yield Finding(Level.HINT, "engine", says, "systemctl start docker, or set DOCKER_HOST")


def _relays(facts: Facts) -> Iterator[Finding]:
    for url, trouble in facts.relays:
        if trouble:
            mend = "systemctl restart coturn, and open its ports (docs/relays.md)"
            yield Finding(Level.BROKEN, "relay", f"{url} does not answer: {trouble}", mend)
        else:
            yield Finding(Level.OK, "relay", f"{url} answers.")


def _mail(facts: Facts) -> Iterator[Finding]:
    if facts.mail is None:
        says = "Letters are files in the data folder: nobody gets theirs by e-mail."
        yield Finding(
            Level.HINT, "mail", says, "Set ORCHESTRATOR_SMTP_URL and ORCHESTRATOR_MAIL_FROM (docs/accounts.md)."
        )
    elif facts.mail_trouble:
        mend = "Mend the server, or set ORCHESTRATOR_SMTP_URL (docs/accounts.md)."
        yield Finding(Level.BROKEN, "mail", f"{facts.mail} cannot be reached: {facts.mail_trouble}", mend)
    else:
        yield Finding(Level.OK, "mail", f"{facts.mail} listens.")


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
