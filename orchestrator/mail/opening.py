"""Which way letters leave an installation: by its mail server, or into a folder of its data."""

from urllib.parse import urlsplit

from orchestrator.mail.folder import FolderMailer
from orchestrator.mail.letter import Mailer
from orchestrator.mail.smtp_url import parse_smtp_url
from orchestrator.settings import Settings


def mailer_of(settings: Settings) -> Mailer:
    """The mailer of `settings`. No server is asked for anything here."""
    sender = settings.mail_from or f"Playhouse <playhouse@{urlsplit(settings.public_url).hostname}>"
    if not settings.has_mail_server:
        return FolderMailer(settings.data / "mail", sender)
    from orchestrator.mail.smtp import SmtpMailer  # noqa: PLC0415 - a folder needs no SMTP

    return SmtpMailer(parse_smtp_url(settings.smtp_url.get_secret_value()), sender)
