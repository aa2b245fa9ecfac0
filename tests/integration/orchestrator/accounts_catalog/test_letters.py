"""A forgotten password and the proof of an address: from the question to the letter to what it opens."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import func, select, update

from orchestrator.accounts import limits, tokens
from orchestrator.accounts import postman as postmen
from orchestrator.accounts.account import Account, AccountState
from orchestrator.accounts.letters import Purpose
from orchestrator.accounts.models import AccountRow, MailOrder, MailToken
from orchestrator.accounts.openid import Identity
from orchestrator.accounts.passwords import Passwords
from orchestrator.accounts.postman import Postman
from orchestrator.mail.letter import Letter, MailAway, MailRefused
from orchestrator.notices import Notices
from orchestrator.services import Services
from orchestrator.settings import Settings

EMAIL, PASSWORD, NEW = "ada@example.org", "correct horse", "battery staple"
STRANGER = "nobody@example.org"
ELSEWHERE = "ada@elsewhere.example"


class Postbag:
    """A way for letters that a test holds in its hand."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.failure: Exception | None = None

    async def send(self, letter: Letter) -> None:
        if self.failure is not None:
            raise self.failure
        self.letters.append(letter)

    async def tidy(self) -> None:
        """What it holds is looked at."""


@pytest.fixture
async def account(services: Services) -> Account:
    return await services.accounts.create(EMAIL, PASSWORD, "Ada")


@pytest.fixture
def postbag() -> Postbag:
    return Postbag()


@pytest.fixture
def postman(services: Services, postbag: Postbag, monkeypatch: pytest.MonkeyPatch) -> Postman:
    """Sends by `postbag` when it is told to; the replica's own has nothing to do with it."""

    async def take_nothing() -> list[MailOrder]:
        return []

    monkeypatch.setattr(services.postman, "_take", take_nothing)
    return Postman(services.database, Notices(), postbag, "https://play.example")


async def forgot(client: httpx.AsyncClient, email: str = EMAIL) -> httpx.Response:
    return await client.post("/api/auth/forgot-password", json={"email": email})


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> httpx.Response:
    return await client.post("/api/auth/reset-password", json={"token": token, "password": password})


async def confirm(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/auth/confirm-email", json={"token": token})


async def sign_in(client: httpx.AsyncClient, password: str, email: str = EMAIL) -> int:
    token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
    form = {"email": email, "password": password, "csrfToken": token, "json": "true"}
    return (await client.post("/api/auth/callback/credentials", data=form)).status_code


async def register(client: httpx.AsyncClient, email: str = EMAIL) -> None:
    token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
    fields = {"email": email, "password": PASSWORD, "name": "Ada", "csrfToken": token}
    assert (await client.post("/api/auth/register", json=fields)).status_code == 201


async def is_verified(client: httpx.AsyncClient) -> bool:
    return (await client.get("/api/account")).json()["emailVerified"]


def letters_in(folder: Path) -> list[Path]:
    return list(folder.glob("*.eml"))


async def first_file(folder: Path) -> Path:
    deadline = asyncio.get_running_loop().time() + 60
    while not (files := letters_in(folder)):
        assert asyncio.get_running_loop().time() < deadline, "no letter came"
        await asyncio.sleep(0.02)
    return files[0]


def secret_of(letter: Letter) -> str:
    [secret] = re.findall(r"https://play\.example/[a-z-]+#(\S+)", letter.text)
    return secret


async def count(services: Services, table: type[MailOrder | MailToken]) -> int:
    async with services.database.read() as reading:
        return await reading.scalar(select(func.count()).select_from(table)) or 0


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code)


async def test_the_whole_way_through_the_folder_of_letters(
    client: httpx.AsyncClient, account: Account, settings: Settings
) -> None:
    """With the loop of the replica itself, and no mail server."""
    assert (await forgot(client)).status_code == 204
    file = await first_file(settings.data / "mail")
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert message["To"] == EMAIL
    [secret] = re.findall(re.escape(f"{settings.public_url}/reset-password#") + r"(\S+)", message.get_content())
    assert (await reset(client, secret)).status_code == 204
    assert await sign_in(client, NEW) == 200


async def test_a_reset_ends_every_device_and_the_old_password(
    client: httpx.AsyncClient,
    new_client: Callable[[], httpx.AsyncClient],
    services: Services,
    account: Account,
    postman: Postman,
    postbag: Postbag,
) -> None:
    thief = new_client()
    thief.cookies.set(tokens.COOKIE, await services.accounts.issue_token(account))
    await forgot(client, EMAIL.upper())
    await postman.round()
    [letter] = postbag.letters
    assert letter.to == EMAIL
    assert (await reset(client, secret_of(letter))).status_code == 204
    assert (await thief.get("/api/account")).status_code == 401
    assert await sign_in(client, PASSWORD) == 401
    assert await sign_in(client, NEW) == 200


async def test_a_link_opens_once(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag
) -> None:
    for _ in "12":
        await forgot(client)
    await postman.round()
    first, second = map(secret_of, postbag.letters)
    refused(await reset(client, first, "short"), 400, "invalid_request")
    refused(await reset(client, first, "password1234"), 400, "guessable_password")
    codes = [answer.status_code for answer in await asyncio.gather(*(reset(client, first) for _ in range(4)))]
    assert sorted(codes) == [204, 400, 400, 400]
    refused(await reset(client, second), 400, "invalid_token")  # one new password ends every other link


async def test_a_link_is_good_for_an_hour(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    await forgot(client)
    await postman.round()
    async with services.database.write() as writing:
        left = await writing.scalar(select(MailToken.expires_at))
        assert left is not None
        assert timedelta(minutes=59) < left - datetime.now(UTC) <= timedelta(hours=1, seconds=1)
        await writing.execute(update(MailToken).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    refused(await reset(client, secret_of(postbag.letters[0])), 400, "invalid_token")
    assert await sign_in(client, PASSWORD) == 200
    await forgot(client)
    await postman.round()
    assert await count(services, MailToken) == 1, "what is over is forgotten"


async def test_a_made_up_link_opens_nothing(client: httpx.AsyncClient, account: Account) -> None:
    for token in ("nonsense", "0" * 64, "\0", "x" * 101, ""):
        for answer in (await reset(client, token), await confirm(client, token)):
            assert answer.status_code == 400, token
    assert await sign_in(client, PASSWORD) == 200


async def test_a_letter_of_one_kind_opens_nothing_of_another(
    client: httpx.AsyncClient, postman: Postman, postbag: Postbag
) -> None:
    await register(client)
    await forgot(client)
    await postman.round()
    secrets = {letter.subject: secret_of(letter) for letter in postbag.letters}
    assert len(secrets) == 2
    refused(await confirm(client, secrets["A new password for Playhouse"]), 400, "invalid_token")
    refused(await reset(client, secrets["Please confirm your e-mail address"]), 400, "invalid_token")


async def test_an_unknown_address_is_answered_alike_and_written_to_never(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    known, unknown = await forgot(client), await forgot(client, STRANGER)
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (204, b"")
    assert known.headers.keys() == unknown.headers.keys()
    assert await count(services, MailOrder) == 2, "both cost the same until somebody else looks"
    await postman.round()
    assert [letter.to for letter in postbag.letters] == [EMAIL]
    assert await count(services, MailOrder) == 0


async def test_a_suspended_person_gets_no_letter_and_an_old_one_opens_nothing(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    await forgot(client)
    await postman.round()
    async with services.database.write() as writing:
        await writing.execute(update(AccountRow).values(state=AccountState.SUSPENDED))
    await forgot(client)
    await postman.round()
    [letter] = postbag.letters
    refused(await reset(client, secret_of(letter)), 400, "invalid_token")


async def test_no_secret_lies_in_the_database(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    await forgot(client)
    await postman.round()
    secret = secret_of(postbag.letters[0])
    async with services.database.read() as reading:
        stored = [str(row.__dict__) for table in (MailToken, MailOrder) for row in await reading.scalars(select(table))]
    assert stored
    assert not any(secret in row for row in stored)


async def test_letters_to_one_address_are_bounded(client: httpx.AsyncClient, services: Services) -> None:
    for email in (EMAIL, STRANGER):
        answers = [await forgot(client, email) for _ in range(limits.LETTERS_OF_ADDRESS_TO.tries + 1)]
        assert {answer.status_code for answer in answers[:-1]} == {204}
        refused(answers[-1], 429, "rate_limited")
        assert int(answers[-1].headers["retry-after"]) > 0
    assert await count(services, MailOrder) <= 2 * limits.LETTERS_OF_ADDRESS_TO.tries


async def test_whoever_registers_plays_at_once_and_proves_the_address_by_letter(
    client: httpx.AsyncClient, postman: Postman, postbag: Postbag
) -> None:
    await register(client)
    assert (await client.get("/api/games")).status_code == 200
    assert not await is_verified(client)
    await postman.round()
    [letter] = postbag.letters
    assert (await confirm(client, secret_of(letter))).status_code == 204
    assert await is_verified(client)
    refused(await confirm(client, secret_of(letter)), 400, "invalid_token")


async def test_the_letter_is_sent_again_until_the_address_is_proven(
    client: httpx.AsyncClient, postman: Postman, postbag: Postbag
) -> None:
    await register(client)
    assert (await client.post("/api/account/confirmation")).status_code == 204
    await postman.round()
    first, second = map(secret_of, postbag.letters)
    assert (await confirm(client, first)).status_code == 204
    assert (await client.post("/api/account/confirmation")).status_code == 204
    await postman.round()
    assert len(postbag.letters) == 2, "there is nothing more to prove"
    assert (await confirm(client, second)).status_code == 204


async def test_whoever_resets_by_letter_has_proven_the_address(
    client: httpx.AsyncClient, postman: Postman, postbag: Postbag
) -> None:
    await register(client)
    await forgot(client)
    await postman.round()
    letter = next(letter for letter in postbag.letters if "password" in letter.subject)
    await reset(client, secret_of(letter))
    await sign_in(client, NEW)
    assert await is_verified(client)


async def test_whom_the_operator_made_has_nothing_to_prove(client: httpx.AsyncClient, account: Account) -> None:
    await sign_in(client, PASSWORD)
    assert await is_verified(client)


async def change(client: httpx.AsyncClient, email: str = ELSEWHERE, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/account/email", json={"email": email, "password": password})


async def address_of(client: httpx.AsyncClient) -> str:
    return (await client.get("/api/account")).json()["email"]


def sent_to(postbag: Postbag, email: str) -> Letter:
    return next(letter for letter in reversed(postbag.letters) if letter.to == email)


async def test_another_address_holds_once_its_letter_is_answered(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag
) -> None:
    await sign_in(client, PASSWORD)
    answer = await change(client, ELSEWHERE.upper())
    assert (answer.status_code, answer.content) == (204, b"")
    await postman.round()
    assert sorted(letter.to for letter in postbag.letters) == sorted([EMAIL, ELSEWHERE])
    notice, letter = sent_to(postbag, EMAIL), sent_to(postbag, ELSEWHERE)
    assert "/forgot-password" in notice.text
    assert "#" not in notice.text
    assert ELSEWHERE not in notice.text, "whoever asked chooses no word of it"
    assert await address_of(client) == EMAIL, "not before the link was opened"

    assert (await confirm(client, secret_of(letter))).status_code == 204
    assert await address_of(client) == ELSEWHERE
    assert await is_verified(client)
    refused(await confirm(client, secret_of(letter)), 400, "invalid_token")
    assert await sign_in(client, PASSWORD) == 401
    assert await sign_in(client, PASSWORD, ELSEWHERE) == 200
    await register(client, EMAIL)  # it is free again


async def test_another_address_needs_the_password(client: httpx.AsyncClient, account: Account) -> None:
    refused(await change(client), 401, "unauthorized")
    await sign_in(client, PASSWORD)
    refused(await change(client, password="wrong"), 403, "wrong_password")
    refused(await change(client, "nonsense"), 400, "invalid_request")
    refused(await change(client, EMAIL), 400, "invalid_request")
    answers = [await change(client, password="wrong") for _ in range(limits.PASSWORD_CHECKS.tries + 1)]
    refused(answers[-1], 429, "rate_limited")


async def link(services: Services) -> None:
    """The address's owner comes by another house's door."""
    await services.federation.account_for(Identity("https://id.example", "g-1", EMAIL, True, "Ada", None))


@pytest.mark.parametrize("is_sent", [True, False])
async def test_another_address_that_was_asked_for_before_the_account_was_linked_never_holds(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services, is_sent: bool
) -> None:
    await sign_in(client, PASSWORD)
    await change(client)
    if is_sent:
        await postman.round()
    await link(services)
    await postman.round()
    letters = [letter for letter in postbag.letters if letter.to == ELSEWHERE]
    assert len(letters) == is_sent
    for letter in letters:
        refused(await confirm(client, secret_of(letter)), 400, "invalid_token")


async def test_a_password_that_went_while_it_was_checked_brings_no_other_address(
    client: httpx.AsyncClient, account: Account, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(client, PASSWORD)
    count_orders = await count(services, MailOrder)
    verify = Passwords.verify

    async def slowly(passwords: Passwords, password: str, hashed: str | None) -> object:
        verdict = await verify(passwords, password, hashed)
        await link(services)
        return verdict

    monkeypatch.setattr(Passwords, "verify", slowly)
    refused(await change(client), 403, "wrong_password")
    assert await count(services, MailOrder) == count_orders


async def test_an_address_that_somebody_has_is_answered_alike_and_written_to_never(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    await services.accounts.create("taken@example.org", PASSWORD, "Bo")
    await sign_in(client, PASSWORD)
    free, taken = await change(client), await change(client, "TAKEN@example.org")
    assert (free.status_code, free.content) == (taken.status_code, taken.content) == (204, b"")
    assert free.headers.keys() == taken.headers.keys()
    await postman.round()
    assert {letter.to for letter in postbag.letters} == {EMAIL}
    assert len(postbag.letters) == 2, "the old address hears of both"
    assert await count(services, MailOrder) == await count(services, MailToken) == 0


async def test_an_address_that_somebody_took_meanwhile_stays_theirs(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    await sign_in(client, PASSWORD)
    await change(client)
    await postman.round()
    await services.accounts.create(ELSEWHERE, NEW, "Bo")
    refused(await confirm(client, secret_of(sent_to(postbag, ELSEWHERE))), 400, "invalid_token")
    assert await address_of(client) == EMAIL


async def test_of_two_who_confirm_the_same_address_at_once_one_gets_it(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    await services.accounts.create("bo@example.org", PASSWORD, "Bo")
    for email in (EMAIL, "bo@example.org"):
        await sign_in(client, PASSWORD, email)
        await change(client)
    await postman.round()
    secrets = [secret_of(letter) for letter in postbag.letters if letter.to == ELSEWHERE]
    answers = await asyncio.gather(*(confirm(client, secret) for secret in secrets))
    assert sorted(answer.status_code for answer in answers) == [204, 400]
    async with services.database.read() as reading:
        emails = sorted(await reading.scalars(select(AccountRow.email)))
    assert emails in ([ELSEWHERE, EMAIL], [ELSEWHERE, "bo@example.org"])


@pytest.mark.parametrize("by", ["another wish", "a reset", "a new password", "the end of the account", "suspension"])
async def test_a_wish_for_another_address_can_be_made_void(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services, by: str
) -> None:
    await sign_in(client, PASSWORD)
    await change(client)
    await postman.round()
    old = secret_of(sent_to(postbag, ELSEWHERE))
    postbag.letters.clear()
    if by == "another wish":
        await change(client, "third@example.org")
    elif by == "a reset":
        await forgot(client)
        await postman.round()
        await reset(client, secret_of(postbag.letters[-1]))
    elif by == "a new password":
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert (await client.post("/api/account/password", json=body)).status_code == 204
    elif by == "the end of the account":
        assert (await client.post("/api/account/delete", json={"password": PASSWORD})).status_code == 204
    else:
        await services.standing.change(account.id, AccountState.SUSPENDED)
    refused(await confirm(client, old), 400, "invalid_token")
    async with services.database.read() as reading:
        assert ELSEWHERE not in set(await reading.scalars(select(AccountRow.email)))


async def test_a_wish_that_is_taken_back_before_its_letter_is_written_brings_none(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag
) -> None:
    await sign_in(client, PASSWORD)
    await change(client)
    await change(client, "third@example.org")
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert (await client.post("/api/account/password", json=body)).status_code == 204
    await postman.round()
    assert {letter.to for letter in postbag.letters} == {EMAIL}


async def test_a_letter_waits_for_a_mail_server_that_is_away_and_goes_out_once(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    postbag.failure = MailAway("away")
    await forgot(client)
    await postman.round()
    assert await count(services, MailOrder) == 1
    postbag.failure = None
    await postman.round()
    assert postbag.letters == [], "it is not due yet"
    async with services.database.write() as writing:
        due = await writing.scalar(select(MailOrder.due_at))
        assert due is not None
        assert timedelta() < due - datetime.now(UTC) <= postmen.FIRST_RETRY
        await writing.execute(update(MailOrder).values(due_at=MailOrder.ordered_at))
    second = Postman(services.database, Notices(), postbag, "https://play.example")
    await asyncio.gather(postman.round(), second.round())
    [letter] = postbag.letters
    assert (await reset(client, secret_of(letter))).status_code == 204


async def test_a_letter_that_nobody_takes_is_given_up_after_a_day(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    postbag.failure = MailAway("away")
    await forgot(client)
    async with services.database.write() as writing:
        now = await services.database.now(writing)
        await writing.execute(update(MailOrder).values(ordered_at=now - postmen.GIVEN_UP_AFTER))
    await postman.round()
    assert await count(services, MailOrder) == 0


async def test_a_letter_that_is_refused_is_not_tried_again(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    postbag.failure = MailRefused("nobody of this name")
    await forgot(client)
    await postman.round()
    assert await count(services, MailOrder) == 0


async def test_a_letter_whose_replica_died_is_sent_by_another(
    client: httpx.AsyncClient, account: Account, postman: Postman, postbag: Postbag, services: Services
) -> None:
    postbag.failure = RuntimeError("the replica dies here")
    await forgot(client)
    with pytest.raises(RuntimeError):
        await postman.round()
    postbag.failure = None
    async with services.database.write() as writing:
        await writing.execute(update(MailOrder).values(due_at=MailOrder.ordered_at))  # its lease is over
    await Postman(services.database, Notices(), postbag, "https://play.example").round()
    assert len(postbag.letters) == 1


async def test_the_purposes_fit_their_column() -> None:
    assert max(len(purpose.value) for purpose in Purpose) <= 16


async def test_where_sign_up_is_closed_nobody_registers(
    client: httpx.AsyncClient, services: Services, app: Litestar
) -> None:
    app.state["settings"] = services.settings.model_copy(update={"open_sign_up": False})
    token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
    fields = {"email": EMAIL, "password": PASSWORD, "name": "Ada", "csrfToken": token}
    answer = await client.post("/api/auth/register", json=fields)
    refused(answer, 403, "forbidden")
    assert "made by the people who run this Playhouse" in answer.json()["message"]
    answer = await client.post("/api/auth/register", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (302, "/register?error=SignUpClosed")
    page = (await client.get("/register")).text
    assert "By invitation only" in page
    assert "register-form" not in page
    assert "/register" not in (await client.get("/signin")).text
    await services.accounts.create(EMAIL, PASSWORD, "Ada")
    assert await sign_in(client, PASSWORD) == 200
