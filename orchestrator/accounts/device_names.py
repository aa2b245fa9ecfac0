"""What a browser is called in the list of a person's devices. Pure.

Only a name such as `Firefox on Linux` is kept, never the whole `User-Agent`, which tells far more than it takes to
recognise one's own telephone.
"""

UNKNOWN = "Unknown device"
MOST_CHARACTERS = 60

# The first that fits: most browsers also name those whose pages they want to be given.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str | None) -> str:
    """A browser and where it runs; of any other program its first word."""
    said = user_agent or ""
    browser = next((name for sign, name in _BROWSERS if sign in said), None)
    system = next((name for sign, name in _SYSTEMS if sign in said), None)
    if browser is not None:
        return f"{browser} on {system}" if system else browser
    first_word = "".join(letter for letter in said.partition(" ")[0] if letter.isprintable())
    return first_word[:MOST_CHARACTERS] or UNKNOWN
