"""Text of a game's clipboard as a page may have it. Pure."""

LIMIT_BYTES = 64 * 1024


def clean_text(data: bytes) -> str:
    """At most `LIMIT_BYTES` of UTF-8 as text: what is no character is left out, and so are all control characters but
    newlines and tabs, which no text needs and a terminal obeys.
    """
    text = data[:LIMIT_BYTES].decode(errors="ignore").replace("\r\n", "\n")
    return "".join(character for character in text if character in "\n\t" or character.isprintable())
