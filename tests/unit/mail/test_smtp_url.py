"""A mail server in one line."""

import pytest

from orchestrator.mail.smtp_url import Privacy, SmtpServer, parse_smtp_url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://mail.example", SmtpServer("mail.example", 465, Privacy.TLS, None, None)),
        ("smtp://mail.example/", SmtpServer("mail.example", 587, Privacy.STARTTLS, None, None)),
        ("smtp+plain://10.0.0.7", SmtpServer("10.0.0.7", 25, Privacy.NONE, None, None)),
        ("smtp://[::1]:2525", SmtpServer("::1", 2525, Privacy.STARTTLS, None, None)),
        (
            "smtps://ada%40example.org:p%2Fw%3A%40@mail.example:4650",
            SmtpServer("mail.example", 4650, Privacy.TLS, "ada@example.org", "p/w:@"),
        ),
    ],
)
def test_a_server_is_named_by_its_url(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:no",
        "smtp://mail.example:99999",
        "smtp://mail.example/path",
        "smtp://mail.example?x=1",
        "smtp://mail.example#x",
        "smtp://ada@mail.example",
        "smtp+plain://ada:secret@mail.example",
    ],
)
def test_what_is_no_mail_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be|must name") as refused:
        parse_smtp_url(url)
    assert "secret" not in str(refused.value)


def test_a_server_never_shows_its_password() -> None:
    assert "secret" not in repr(parse_smtp_url("smtps://ada:secret@mail.example"))
