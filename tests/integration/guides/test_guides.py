"""The pages to which the guides lead, read with a terminal at hand: every command is typed as it is written, in its
order, and does what the page says of it.
"""

import pytest

from tests.chaos.machine import SLUG
from tests.chaos.player import Player, Refused
from tests.integration.guides.house import ADMIN, PASSWORD, House

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def test_the_front_page_puts_up_a_house(house: House) -> None:
    async with house.player() as ada:
        ada.email, ada.password = ADMIN, PASSWORD
        await ada.sign_in()
    with house.terminal() as terminal:
        assert "ready" in terminal.types("orchestrator hosts list").text
        assert "The Question" in terminal.types("orchestrator games list").text


async def test_accounts(house: House) -> None:
    async with house.player() as player:
        await player.register()
        await plays(player)
        with house.reads("docs/accounts.md", EMAIL=player.email, SEARCH=player.email) as page:
            assert page.types("users list").split()[4:] == [player.email, "active", "player", "Chaos"]
            page.types("users suspend")
            with pytest.raises(Refused, match="401"):
                await player.history()
            refused = await refusal(player)
            page.types("users close")
            assert await refusal(player) == refused
            page.types("users restore")
            await player.sign_in()
        [session] = await player.history()
        await player.until(session["sessionId"], lambda status: status.is_over, 60)
        assert await player.slots(SLUG)


async def plays(player: Player) -> str:
    """A session of the tiny counter that runs."""
    session_id = await player.launch(SLUG)
    status = await player.until(session_id, lambda status: status.status == "running", 60)
    assert status.status == "running", status
    return session_id


async def refusal(player: Player) -> tuple[int, str]:
    """How this account is not let in, which is how a stranger is not."""
    said: list[tuple[int, str]] = []
    async with Player([player.next_url()], print) as stranger:
        for somebody in (player, stranger):
            with pytest.raises(Refused) as no:
                await somebody.sign_in()
            said.append((no.value.status, no.value.code))
    assert said[0] == said[1]
    return said[0]
