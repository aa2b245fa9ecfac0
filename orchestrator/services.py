"""Every service of one process, wired once: for the application and for the command line alike."""

import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import URL, make_url

from metering import UNMETERED, Meter
from migrations import revisions
from orchestrator.accounts.enforcing import Enforcer
from orchestrator.accounts.export import Export
from orchestrator.accounts.federation import Federation
from orchestrator.accounts.my_account import MyAccount
from orchestrator.accounts.openid import OpenIdProvider, google_of
from orchestrator.accounts.passwords import Passwords
from orchestrator.accounts.postman import Postman
from orchestrator.accounts.recovery import Recovery
from orchestrator.accounts.service import Accounts
from orchestrator.accounts.standing import Standing
from orchestrator.arena.ledger import Ledger as MatchLedger
from orchestrator.arena.overview import ArenaOverview
from orchestrator.arena.pairing import Pairing
from orchestrator.arena.presence import Presence
from orchestrator.arena.runs import Runs
from orchestrator.arena.session_tokens import SessionTokens
from orchestrator.arena.sessions import Sessions as ArenaSessions
from orchestrator.arena.tenant_bots import TenantBots
from orchestrator.audit.log import AuditLog
from orchestrator.backup.workplace import UNFINISHED
from orchestrator.catalog.service import Catalog
from orchestrator.catalog.snapshot import CatalogSnapshot
from orchestrator.catalog.upkeep import CatalogUpkeep
from orchestrator.database import Database, shown_url
from orchestrator.fleet.fleet_map import FleetMaps
from orchestrator.fleet.host_images import HostImages
from orchestrator.fleet.identity import HostIdentities
from orchestrator.fleet.operations import FleetOperations
from orchestrator.fleet.overview import FleetOverview
from orchestrator.fleet.placement import Placement
from orchestrator.fleet.prepulling import Prepulling
from orchestrator.fleet.spare_images import SpareImages
from orchestrator.fleet.sync import AgentSync
from orchestrator.fleet.warm import WarmOrders
from orchestrator.installation import Installation, load_or_create
from orchestrator.installation.signing import SigningKeys
from orchestrator.library.service import Library
from orchestrator.mail.opening import mailer_of
from orchestrator.notices import Hearing, Notices
from orchestrator.observing.facts import Facts
from orchestrator.outside.reach import Reach
from orchestrator.pictures.fetching import Fetcher
from orchestrator.pictures.service import Pictures
from orchestrator.play.clock import ClockWatch
from orchestrator.play.invites import Invites
from orchestrator.play.ledger import Ledger
from orchestrator.play.moves import Moves
from orchestrator.play.operations import SessionOperations
from orchestrator.play.proxy import SeatProxy
from orchestrator.play.reconciler import Reconciler
from orchestrator.play.relays import Relays
from orchestrator.play.service import Play
from orchestrator.play.stream_access import StreamAccess
from orchestrator.publishers.games import PublishedGames
from orchestrator.publishers.keys import PublisherKeys
from orchestrator.publishers.publishing import Publishing
from orchestrator.publishers.spool import Spool
from orchestrator.publishers.uploads import Uploads
from orchestrator.publishers.versions import GameVersions
from orchestrator.publishers.where import DestinationOf
from orchestrator.replica import StartupError
from orchestrator.saves.disposal import Disposal
from orchestrator.saves.intake import SaveIntake
from orchestrator.saves.keeping import SlotKeeping
from orchestrator.saves.opening import open_store
from orchestrator.saves.service import Saves
from orchestrator.saves.store import ArchiveStore
from orchestrator.saves.transfers import SaveTransfers
from orchestrator.saves.watch import StoreWatch
from orchestrator.settings import Settings
from orchestrator.tenants.keys import TenantKeys
from orchestrator.tenants.members import TenantMembers
from orchestrator.tenants.upkeep import TenantUpkeep
from orchestrator.webhooks.dispatcher import Dispatcher
from orchestrator.webhooks.envelope import secret_of
from orchestrator.webhooks.sender import HttpSender
from orchestrator.webhooks.service import Webhooks
from orchestrator.webhooks.upkeep import WebhookUpkeep
from tracing import UNTRACED, Tracer


class NotMigrated(StartupError):
    """The database lacks what this version of the program needs."""


@dataclass(frozen=True)
class Services:
    settings: Settings
    meter: Meter
    tracer: Tracer
    facts: Facts
    database: Database
    installation: Installation
    signing_keys: SigningKeys
    notices: Notices
    hearing: Hearing
    clock: ClockWatch
    accounts: Accounts
    my_account: MyAccount
    recovery: Recovery
    google: OpenIdProvider | None
    federation: Federation
    standing: Standing
    enforcer: Enforcer
    audit_log: AuditLog
    export: Export
    postman: Postman
    catalog: Catalog
    catalog_upkeep: CatalogUpkeep
    library: Library
    saves: Saves
    slot_keeping: SlotKeeping
    save_transfers: SaveTransfers
    save_intake: SaveIntake
    save_disposal: Disposal
    store: ArchiveStore
    store_watch: StoreWatch
    play: Play
    session_operations: SessionOperations
    invites: Invites
    reconciler: Reconciler
    stream_access: StreamAccess
    relays: Relays
    seat_proxy: SeatProxy
    identities: HostIdentities
    agent_sync: AgentSync
    placement: Placement
    fleet_overview: FleetOverview
    fleet_maps: FleetMaps
    fleet_operations: FleetOperations
    host_images: HostImages
    prepulling: Prepulling
    publisher_keys: PublisherKeys
    published_games: PublishedGames
    game_versions: GameVersions
    uploads: Uploads
    publishing: Publishing
    pictures: Pictures
    webhooks: Webhooks
    webhook_dispatcher: Dispatcher
    webhook_upkeep: WebhookUpkeep
    tenant_keys: TenantKeys
    tenant_members: TenantMembers
    tenant_upkeep: TenantUpkeep
    session_tokens: SessionTokens
    arena_overview: ArenaOverview
    arena_sessions: ArenaSessions
    arena_presence: Presence
    match_ledger: MatchLedger
    pairing: Pairing
    arena_runs: Runs
    tenant_bots: TenantBots


@asynccontextmanager
async def open_services(
    settings: Settings, meter: Meter = UNMETERED, tracer: Tracer = UNTRACED
) -> AsyncGenerator[Services, None]:
    """The services on the migrated database of `settings`; NotMigrated when it is behind or not there. Closes it at
    the end. What they do is counted by `meter`, and launches are told to `tracer`.
    """
    url = make_url(settings.database_url)
    _require_file(url, settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url, meter)
    try:
        if not (await revisions(database.engine)).is_current:
            raise NotMigrated(f"The database {shown_url(url)} is not up to date. Run `orchestrator migrate` first.")
        installation = await load_or_create(database)
        (settings.data / UNFINISHED).unlink(missing_ok=True)  # whoever works here has begun it anew
        async with open_store(settings) as store:
            services = _wire(settings, meter, tracer, database, installation, store)
            await services.signing_keys.look()
            try:
                yield services
            finally:
                await services.seat_proxy.close()
    finally:
        await database.close()


def _require_file(url: URL, settings: Settings) -> None:
    """Whoever forgot to say which folder would make a second, empty database there."""
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise NotMigrated(
            f"There is no database in {settings.data.absolute()}. Say with ORCHESTRATOR_DATA in which folder it is, or "
            "begin one there with `orchestrator migrate`."
        )


def _wire(
    settings: Settings,
    meter: Meter,
    tracer: Tracer,
    database: Database,
    installation: Installation,
    store: ArchiveStore,
) -> Services:
    notices = Notices()
    passwords = Passwords()
    postman = Postman(database, notices, mailer_of(settings), settings.public_url)
    spool = Spool(settings.data / "uploads")
    standing = Standing(database, notices)
    audit_log = AuditLog(database)
    snapshot = CatalogSnapshot()
    catalog = Catalog(database, snapshot)
    saves = Saves(database, store)
    slot_keeping = SlotKeeping(database)
    moves = Moves(notices, meter, tracer)
    store_watch = StoreWatch(store)
    clock = ClockWatch(database)
    ledger = Ledger(moves, saves, clock, meter)
    warm_orders = WarmOrders(ledger, time.monotonic)
    spare = SpareImages()
    placement = Placement(database, ledger, notices, random.random, meter)
    fleet_operations = FleetOperations(database, notices, ledger)
    reach = Reach(settings.networks_for_webhooks())
    webhook_secret_of = partial(secret_of, installation.cookie_secret)
    webhooks = Webhooks(database, notices, reach, webhook_secret_of)
    session_tokens = SessionTokens(installation)
    signing_keys = SigningKeys(database, notices, installation)
    presence = Presence(database)
    match_ledger = MatchLedger(database, notices, presence, webhooks, meter)
    play = Play(database, notices, catalog, saves, placement, moves, meter)
    runs = Runs(database, play, moves, webhooks)
    return Services(
        settings=settings,
        meter=meter,
        tracer=tracer,
        facts=Facts(database, store_watch, meter),
        database=database,
        installation=installation,
        signing_keys=signing_keys,
        notices=notices,
        hearing=Hearing(database, notices),
        clock=clock,
        accounts=Accounts(database, installation, passwords, postman),
        my_account=MyAccount(database, passwords, standing),
        google=google_of(settings),
        federation=Federation(database, may_make_accounts=settings.open_sign_up),
        standing=standing,
        enforcer=Enforcer(database, notices, moves, audit_log),
        audit_log=audit_log,
        export=Export(database, store),
        recovery=Recovery(database, passwords, postman),
        postman=postman,
        catalog=catalog,
        catalog_upkeep=CatalogUpkeep(database, snapshot),
        library=Library(database),
        saves=saves,
        slot_keeping=slot_keeping,
        save_transfers=SaveTransfers(database, store),
        save_intake=SaveIntake(database, store),
        save_disposal=Disposal(database, store, slot_keeping),
        store=store,
        store_watch=store_watch,
        play=play,
        session_operations=SessionOperations(database, moves),
        invites=Invites(database, moves),
        reconciler=Reconciler(database, notices, placement, moves, clock, fleet_operations, runs),
        stream_access=StreamAccess(signing_keys),
        relays=Relays(settings.stun_urls, settings.turn_urls, settings.turn_secret.get_secret_value()),
        seat_proxy=SeatProxy(database),
        identities=HostIdentities(database),
        agent_sync=AgentSync(database, notices, ledger, warm_orders, spare, signing_keys.jwks, random.random, meter),
        placement=placement,
        fleet_overview=FleetOverview(database, ledger),
        fleet_maps=FleetMaps(database, ledger),
        fleet_operations=fleet_operations,
        host_images=HostImages(database, notices, spare),
        prepulling=Prepulling(database, notices, ledger, placement, spare),
        publisher_keys=PublisherKeys(database),
        published_games=PublishedGames(database, notices),
        game_versions=GameVersions(database),
        uploads=Uploads(database, notices, spool),
        publishing=Publishing(database, notices, spool, DestinationOf(settings)),
        pictures=Pictures(database, notices, store, Fetcher()),
        webhooks=webhooks,
        webhook_dispatcher=Dispatcher(database, notices, HttpSender(reach), webhook_secret_of, random.random, meter),
        webhook_upkeep=WebhookUpkeep(database),
        tenant_keys=TenantKeys(database, webhooks),
        tenant_members=TenantMembers(database),
        tenant_upkeep=TenantUpkeep(database),
        session_tokens=session_tokens,
        arena_overview=ArenaOverview(database),
        arena_sessions=ArenaSessions(database, session_tokens, webhooks),
        arena_presence=presence,
        match_ledger=match_ledger,
        pairing=Pairing(database, notices, match_ledger, presence),
        arena_runs=runs,
        tenant_bots=TenantBots(database, notices),
    )
