"""Letters by SMTP, one connection each. What the server says decides whether to try again."""

import aiosmtplib

from orchestrator.mail.letter import Letter, MailAway, MailRefused, message_of
from orchestrator.mail.smtp_url import Privacy, SmtpServer

TIMEOUT_S = 20.0


class SmtpMailer:
    def __init__(self, server: SmtpServer, sender: str) -> None:
        self._server = server
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        message = message_of(letter, self._sender)
        try:
            await aiosmtplib.send(
                message,
                recipients=[letter.to],
                hostname=self._server.host,
                port=self._server.port,
                username=self._server.user,
                password=self._server.password,
                use_tls=self._server.privacy is Privacy.TLS,
                start_tls=self._server.privacy is Privacy.STARTTLS,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(refused.code >= 500 for refused in error.recipients):
                raise MailRefused("the mail server knows nobody of this address") from error
            raise MailAway(_words_of(error)) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise MailRefused(_words_of(error)) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailAway(_words_of(error)) from error

    async def tidy(self) -> None:
        """Nothing is kept here."""


def _words_of(error: Exception) -> str:
    """Its kind and the server's code. The server's own text may repeat the letter, and goes nowhere."""
    code = getattr(error, "code", None)
    return f"{type(error).__name__}{f' ({code})' if code else ''}"
