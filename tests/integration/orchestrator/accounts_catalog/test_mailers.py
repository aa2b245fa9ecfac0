"""Letters as they leave the house: to a real SMTP server, and into a folder."""

import asyncio
import os
import ssl
import stat
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from orchestrator.app import create_app
from orchestrator.mail.folder import KEPT_FOR, LETTERS_KEPT, FolderMailer
from orchestrator.mail.letter import Letter, MailAway, Mailer, MailRefused
from orchestrator.mail.opening import mailer_of
from orchestrator.mail.smtp import SmtpMailer
from orchestrator.mail.smtp_url import Privacy, SmtpServer
from orchestrator.settings import Settings
from tests.certificates import trusted

SENDER = "Playhouse <play@example.org>"
LETTER = Letter("ada@example.org", "Zwölf Grüße", "Hello,\n\n    https://play.example/reset-password#s3cret\n\n🎩\n")
USER, PASSWORD = "play", "s3cret words"


class Postbox:
    """What an SMTP server was handed, and what it answers to a recipient."""

    def __init__(self) -> None:
        self.taken: list[tuple[str | None, list[str], EmailMessage]] = []
        self.answer = "250 OK"

    async def handle_RCPT(  # noqa: N802 - the server's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, message_from_bytes(content, policy=policy.default)))
        return "250 OK"


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """For 127.0.0.1, and trusted by this process."""
    return trusted("127.0.0.1", tmp_path, monkeypatch)


@asynccontextmanager
async def serving(postbox: Postbox, ssl_context: ssl.SSLContext | None = None, **options: Any) -> AsyncGenerator[int]:
    """The port of a server."""

    def meet() -> SMTP:
        return SMTP(postbox, hostname="mail.example", **options)

    server = await asyncio.get_running_loop().create_server(meet, "127.0.0.1", 0, ssl=ssl_context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def authenticator(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)  # the server words the answer


def by_smtp(port: int, privacy: Privacy = Privacy.NONE, user: str | None = None, password: str | None = None) -> Mailer:
    return SmtpMailer(SmtpServer("127.0.0.1", port, privacy, user, password), SENDER)


def same_letter(message: EmailMessage) -> None:
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, LETTER.to, LETTER.subject)
    assert message.get_content().replace("\r\n", "\n") == LETTER.text
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.org>")
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_letter_arrives_at_a_server_as_it_was_written(postbox: Postbox) -> None:
    async with serving(postbox) as port:
        await by_smtp(port).send(LETTER)
    [(sender, recipients, message)] = postbox.taken
    assert (sender, recipients) == ("play@example.org", [LETTER.to])
    same_letter(message)


async def test_a_password_is_said_under_tls_alone(postbox: Postbox, certificate: ssl.SSLContext) -> None:
    options: dict[str, Any] = {"tls_context": certificate, "authenticator": authenticator, "auth_required": True}
    async with serving(postbox, **options) as port:
        await by_smtp(port, Privacy.STARTTLS, USER, PASSWORD).send(LETTER)
        with pytest.raises(MailAway, match="SMTPAuthenticationError") as refused:
            await by_smtp(port, Privacy.STARTTLS, USER, "wrong").send(LETTER)
    same_letter(postbox.taken[0][2])
    assert "wrong" not in str(refused.value)
    assert len(postbox.taken) == 1


async def test_tls_from_the_first_byte(postbox: Postbox, certificate: ssl.SSLContext) -> None:
    async with serving(postbox, ssl_context=certificate) as port:
        await by_smtp(port, Privacy.TLS).send(LETTER)
    same_letter(postbox.taken[0][2])


async def test_a_server_without_tls_gets_nothing_where_tls_was_asked_for(postbox: Postbox) -> None:
    async with serving(postbox) as port:
        for privacy in (Privacy.STARTTLS, Privacy.TLS):
            with pytest.raises(MailAway):
                await by_smtp(port, privacy).send(LETTER)
    assert postbox.taken == []


async def test_a_certificate_of_a_stranger_gets_nothing(
    postbox: Postbox, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with serving(postbox, tls_context=certificate) as port:
        with pytest.raises(MailAway):
            await by_smtp(port, Privacy.STARTTLS).send(LETTER)
    assert postbox.taken == []


@pytest.mark.parametrize(
    ("answer", "failure"), [("550 No such user", MailRefused), ("451 Busy", MailAway), ("452 Full", MailAway)]
)
async def test_what_the_server_says_decides_whether_to_try_again(
    postbox: Postbox, answer: str, failure: type[Exception]
) -> None:
    postbox.answer = answer
    async with serving(postbox) as port:
        with pytest.raises(failure):
            await by_smtp(port).send(LETTER)


async def test_a_server_that_is_away_is_tried_again(postbox: Postbox) -> None:
    async with serving(postbox) as port:
        pass
    with pytest.raises(MailAway):
        await by_smtp(port).send(LETTER)


@pytest.mark.parametrize("to", ["a,b@example.org", "a<b@example.org", "@", "a@b\r\nBcc: eve@example.org", "a;b@c"])
async def test_an_address_that_is_none_is_written_to_nobody(postbox: Postbox, tmp_path: Path, to: str) -> None:
    async with serving(postbox) as port:
        for mailer in (by_smtp(port), FolderMailer(tmp_path / "mail", SENDER)):
            with pytest.raises(MailRefused):
                await mailer.send(Letter(to, "s", "t"))
    assert postbox.taken == []
    assert not (tmp_path / "mail").exists()


async def test_without_a_server_a_letter_is_a_file_for_the_operators_eyes(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    mailer = FolderMailer(folder, SENDER)
    for _ in range(LETTERS_KEPT + 2):
        await mailer.send(LETTER)
    files = list(folder.iterdir())
    assert len(files) == LETTERS_KEPT, "the newest stay"
    same_letter(message_from_bytes(files[0].read_bytes(), policy=policy.default))
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_letters_go_after_three_days_though_none_follows(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    mailer = FolderMailer(folder, SENDER)
    await mailer.tidy()
    for _ in range(3):
        await mailer.send(LETTER)
    young, old, broken_off = sorted(folder.iterdir())
    broken_off = broken_off.rename(folder / f"{broken_off.name}.partial")
    for file, age in ((young, KEPT_FOR - timedelta(minutes=1)), (old, KEPT_FOR), (broken_off, KEPT_FOR)):
        written = time.time() - age.total_seconds()
        os.utime(file, (written, written))
    (folder / "notes.txt").write_text("the operator's")
    await mailer.tidy()
    assert set(folder.iterdir()) == {young, folder / "notes.txt"}


async def test_a_replica_forgets_old_letters_by_itself(settings: Settings) -> None:
    folder = settings.data / "mail"
    folder.mkdir()
    (old := folder / "20200101T000000.000000-00000000.eml").write_text("To: ada@example.org")
    os.utime(old, (0, 0))
    deadline = time.monotonic() + 60
    async with create_app(settings).lifespan():
        while old.exists():
            assert time.monotonic() < deadline, "nobody tidies"
            await asyncio.sleep(0.02)


async def test_a_folder_that_cannot_be_written_to_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    with pytest.raises(MailAway, match="cannot be written to"):
        await FolderMailer(tmp_path / "mail", SENDER).send(LETTER)


def test_the_settings_say_which_way_letters_go(tmp_path: Path) -> None:
    folder = mailer_of(Settings(data=tmp_path))
    assert isinstance(folder, FolderMailer)
    assert folder.folder == tmp_path / "mail"
    server = Settings(smtp_url=SecretStr("smtps://mail.example"), mail_from=SENDER)
    assert isinstance(mailer_of(server), SmtpMailer)


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "http://ada:s3cret@mail.example", "mail_from": SENDER},
        {"smtp_url": "smtps://ada:s3cret@mail.example"},
        {"mail_from": "nobody"},
        {"mail_from": "a@b\nBcc: c@d"},
    ],
)
def test_settings_that_cannot_be_say_so_without_the_password(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mail_from|smtp_url") as refused:
        Settings(**wrong)
    assert "s3cret" not in str(refused.value)
