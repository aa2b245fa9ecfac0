"""Which pictures of a game are shown, by what it names and what of that is here. Pure.

What was shown stays until the new one is there, and where that cannot be had.
"""

from collections.abc import Collection, Mapping, Sequence

ADDRESSES = "/pictures/"


def is_outside(picture: str) -> bool:
    """Whether what a game names lies on somebody else's server; else it is a path of ours."""
    return not picture.startswith("/")


def address_of(picture_id: str) -> str:
    """Where browsers get it from us."""
    return f"{ADDRESSES}{picture_id}"


def outside_ones(thumbnail: str | None, screenshots: Sequence[str]) -> Sequence[str]:
    """The URLs among the pictures that a game names, each once."""
    return [picture for picture in dict.fromkeys((thumbnail, *screenshots)) if picture and is_outside(picture)]


def shown_thumbnail(said: str | None, before: str | None, stored: Mapping[str, str]) -> str | None:
    """The cover. `stored` gives our address of each URL that is here."""
    if said is None or not is_outside(said):
        return said
    return stored.get(said, before)


def shown_screenshots(
    said: Sequence[str], before: Sequence[str], stored: Mapping[str, str], waiting: Collection[str]
) -> Sequence[str]:
    """The screenshots in their order, without those that could not be had. While one is waited for, all that was shown
    before stays; where nothing was, each is shown as it comes.
    """
    here = [stored.get(picture, picture) for picture in said if picture in stored or not is_outside(picture)]
    if not said or (here and not before):
        return here
    is_waited_for = any(picture in waiting for picture in said)
    return before if is_waited_for or not here else here
