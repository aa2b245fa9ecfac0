"""What a letter is, and the port through which it leaves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Protocol


class MailAway(Exception):
    """It cannot be sent now; a later try may help."""


class MailRefused(Exception):
    """This letter will never be taken: its address is none, or its server knows nobody of that name."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Plain text for one address. The text may hold a secret."""

    to: str
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    async def send(self, letter: Letter) -> None:
        """Hand `letter` over. `MailAway`, `MailRefused`. After `MailAway` it may have been taken all the same."""
        ...

    async def tidy(self) -> None:
        """Forget what is still kept here of letters that open nothing any more."""
        ...


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """`letter` as it travels. `MailRefused` for an address that no header can hold."""
    message = EmailMessage()
    try:
        message["To"] = Address(addr_spec=letter.to)
    except (ValueError, MessageError, IndexError) as error:
        raise MailRefused("this is no e-mail address") from error
    message["From"] = sender
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or None)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers, please
    message.set_content(letter.text)
    return message
