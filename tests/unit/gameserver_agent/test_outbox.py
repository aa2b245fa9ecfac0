"""What is in the outbox is sent until it is taken, and one letter holds up no other."""

from pathlib import Path

import pytest
import structlog
import structlog.testing

from agent_protocol import SavedVersion
from gameserver_agent.errors import (
    ControlPlaneAwayError,
    ControlPlaneError,
    ControlPlaneRefusedError,
    ControlPlaneUnreachableError,
    StoreAwayError,
)
from gameserver_agent.saves.archive import Archive
from gameserver_agent.saves.outbox import Letter, Outbox


class Office:
    """Takes what it does not refuse."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, ControlPlaneError] = {}
        self.asked: list[str] = []
        self.sent: list[str] = []
        self.folder = folder
        self.numbers: list[int] = []
        self.outbox = Outbox(folder, self, 1, self.note)

    async def upload_save(
        self, session_id: str, generation: int, archive: Path, digest: str, *, number: int
    ) -> SavedVersion:
        self.numbers.append(number)
        self.asked.append(session_id)
        if session_id in self.answers:
            raise self.answers[session_id]
        return SavedVersion(version_id="ver1", digest=digest, size_bytes=1)

    def note(self, letter: Letter, _saved: SavedVersion) -> None:
        self.sent.append(letter.session_id)

    def post(self, *session_ids: str) -> None:
        for session_id in session_ids:
            file = self.outbox.workplace(session_id)
            file.write_bytes(b"x")
            self.outbox.post(session_id, 1, Archive(file, "d1", 1, 1, 0))

    def waiting(self) -> set[str]:
        return {letter.session_id for letter in self.outbox.letters()}

    async def round(self) -> bool:
        return await self.outbox.send_waiting(lambda _: False)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "unsent")


@pytest.mark.parametrize(
    "error",
    [
        ControlPlaneRefusedError(401, "no", "no"),
        ControlPlaneRefusedError(403, "no", "no"),
        ControlPlaneUnreachableError("it took too long"),
        StoreAwayError("it took too long"),
    ],
)
async def test_a_letter_that_is_not_taken_now_holds_up_no_later_one(office: Office, error: ControlPlaneError) -> None:
    office.post("ses1", "ses2")
    office.answers["ses1"] = error
    assert not await office.round()
    assert office.sent == ["ses2"]
    assert office.waiting() == {"ses1"}
    office.answers.clear()
    assert await office.round()
    assert office.waiting() == set()


async def test_a_refused_letter_is_set_aside_and_the_next_is_sent(office: Office) -> None:
    office.post("ses1", "ses2")
    office.answers["ses1"] = ControlPlaneRefusedError(409, "stale", "no")
    assert not await office.round()
    assert office.sent == ["ses2"]
    assert office.waiting() == set()
    assert len(list((office.folder / "refused").iterdir())) == 1


async def test_of_refused_letters_the_newest_stay_and_the_log_names_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.saves.outbox._REFUSED_KEPT", 2)
    names = ("ses1", "ses2", "ses3", "ses4")
    office.answers = dict.fromkeys(names, ControlPlaneRefusedError(409, "stale", "no"))
    with structlog.testing.capture_logs() as logs:
        for name in names:
            office.post(name)
            await office.round()
    kept = {file.name.partition("~")[0] for file in (office.folder / "refused").iterdir()}
    dropped = [entry["file"].partition("~")[0] for entry in logs if entry["event"] == "save.refused_and_dropped"]
    assert (kept, dropped) == ({"ses3", "ses4"}, ["ses1", "ses2"])


async def test_a_host_that_is_unknown_keeps_all_its_letters(office: Office) -> None:
    office.post("ses1", "ses2")
    office.answers = dict.fromkeys(("ses1", "ses2"), ControlPlaneRefusedError(401, "unauthorized", "no"))
    assert not await office.round()
    assert office.waiting() == {"ses1", "ses2"}


async def test_an_orchestrator_that_is_away_is_asked_once_a_round(office: Office) -> None:
    office.post("ses1", "ses2")
    office.answers = dict.fromkeys(("ses1", "ses2"), ControlPlaneAwayError("away"))
    assert not await office.round()
    assert len(office.asked) == 1
    assert office.waiting() == {"ses1", "ses2"}


async def test_a_letter_that_cannot_be_read_holds_up_no_later_one(office: Office) -> None:
    office.post("ses1", "ses2")
    upload = office.upload_save

    async def unreadable(session_id: str, generation: int, archive: Path, digest: str, *, number: int) -> SavedVersion:
        if session_id == "ses1":
            raise OSError("input/output error")
        return await upload(session_id, generation, archive, digest, number=number)

    office.upload_save = unreadable
    assert not await office.round()
    assert office.sent == ["ses2"]


async def test_a_small_letter_that_comes_meanwhile_does_not_wait_for_the_larger_ones(office: Office) -> None:
    office.post("ses1", "ses2")
    for letter in office.outbox.letters():
        letter.file.write_bytes(bytes(2000 if letter.session_id == "ses1" else 1000))
    upload = office.upload_save

    async def slowly(session_id: str, generation: int, archive: Path, digest: str, *, number: int) -> SavedVersion:
        if session_id == "ses2":
            office.post("ses3")
        return await upload(session_id, generation, archive, digest, number=number)

    office.upload_save = slowly
    assert await office.round()
    assert office.sent == ["ses2", "ses3", "ses1"]


async def test_each_letter_has_a_greater_number_than_all_before_also_after_the_agent_was_started_again(
    office: Office,
) -> None:
    office.post("ses1", "ses2")
    (office.folder / "ses0~2~digest.tar.zst").write_bytes(b"from an agent that did not count")
    office.outbox = Outbox(office.folder, office, 2, office.note)
    office.post("ses3")
    assert await office.round()
    by_session = dict(zip(office.asked, office.numbers, strict=True))
    assert by_session["ses0"] < by_session["ses1"] < by_session["ses2"] < by_session["ses3"]


async def test_no_letter_is_sent_after_a_newer_one_of_its_session(office: Office) -> None:
    office.post("ses1")
    (older,) = office.outbox.letters()
    upload = office.upload_save

    async def overtaken(session_id: str, generation: int, archive: Path, digest: str, *, number: int) -> SavedVersion:
        if digest == "d1":
            file = office.outbox.workplace(session_id)
            file.write_bytes(b"newer")
            newer = office.outbox.post(session_id, generation, Archive(file, "d2", 1, 1, 0))
            await office.outbox.send(newer)
            raise ControlPlaneUnreachableError("the older one did not get through")
        return await upload(session_id, generation, archive, digest, number=number)

    office.upload_save = overtaken
    with pytest.raises(ControlPlaneUnreachableError):
        await office.outbox.send(older)
    assert office.waiting() == set()
