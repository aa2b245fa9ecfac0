"""The pages as a server answers them: who sees what, the forms without scripts, the headers, failures as pages."""

import re
from collections.abc import Callable

import httpx
import pytest
from litestar import Litestar, get

from orchestrator.app import create_app
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.errors import DatabaseUnavailable
from orchestrator.services import Services
from orchestrator.web.rendering import FOLDER
from tests.conftest import SignedIn

PASSWORD = "correct horse battery"

HTML = {"accept": "text/html,application/xhtml+xml"}


def csrf_token_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrfToken" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


async def test_home_is_the_front_door_or_the_library(client: httpx.AsyncClient, signed_in: SignedIn) -> None:
    assert "Pick a game" in (await client.get("/")).text
    library = (await (await signed_in()).get("/")).text
    assert "What will you play?" in library
    assert "Sign out" in library


async def add_game(services: Services, slug: str, tag: str = "Cosy") -> None:
    about = {"title": "T", "developer": "D", "description": "", "build": {"version": "1", "image": "playhouse/a:1"}}
    image = EngineImage("sha256:" + "a" * 64, 1000)
    await services.catalog.add_game(GameDefinition.model_validate({**about, "slug": slug, "tags": [tag]}), image)


async def test_a_single_tag_is_no_choice(signed_in: SignedIn, services: Services) -> None:
    player = await signed_in()
    await add_game(services, "the-question", "Romance")
    assert 'aria-label="Tags"' not in (await player.get("/")).text
    assert 'aria-label="Tags"' in (await player.get("/?tag=Romance")).text  # it can be taken away
    await add_game(services, "moss", "Cosy")
    assert 'aria-label="Tags"' in (await player.get("/")).text


async def test_sign_in_works_without_scripts(client: httpx.AsyncClient, services: Services) -> None:
    await services.accounts.create("ada@example.org", PASSWORD, "ada")
    page = await client.get("/signin?callbackUrl=/games/moss")
    assert 'value="/games/moss"' in page.text
    form = {
        "email": "ada@example.org",
        "password": PASSWORD,
        "csrfToken": csrf_token_of(page),
        "callbackUrl": "/games/moss",
    }
    answer = await client.post("/api/auth/callback/credentials", data=form)
    assert (answer.status_code, answer.headers["location"]) == (302, "/games/moss")
    assert "ada" in (await client.get("/")).text


async def test_a_refused_sign_in_is_explained(client: httpx.AsyncClient) -> None:
    page = await client.get("/signin")
    form = {"email": "ada@example.org", "password": "wrong", "csrfToken": csrf_token_of(page)}
    answer = await client.post("/api/auth/callback/credentials", data=form)
    explained = await client.get(answer.headers["location"])
    assert "The e-mail address or the password is wrong." in explained.text


@pytest.mark.parametrize(("door", "minutes"), [("/signin", 15), ("/register", 60)])
async def test_who_tried_too_often_is_told_for_how_long(client: httpx.AsyncClient, door: str, minutes: int) -> None:
    page = await client.get(f"{door}?error=RateLimited")
    assert f"Within {minutes} minutes it works again." in page.text


@pytest.mark.parametrize("door", ["/signin", "/register"])
async def test_where_one_wanted_to_go_outlives_a_refusal_without_scripts(client: httpx.AsyncClient, door: str) -> None:
    action = {"/signin": "/api/auth/callback/credentials", "/register": "/api/auth/register"}[door]
    page = await client.get(f"{door}?callbackUrl=/games/moss")
    for with_token in (True, False):
        token = csrf_token_of(page) if with_token else "another"
        answer = await client.post(action, data={"csrfToken": token, "callbackUrl": "/games/moss%20&x=1#y"})
        explained = await client.get(answer.headers["location"])
        assert 'name="callbackUrl" value="/games/moss%20&amp;x=1#y"' in explained.text
        assert 'role="alert"' in explained.text


async def test_where_one_wanted_to_go_is_known_at_the_other_door(client: httpx.AsyncClient) -> None:
    for door, other in (("/signin", "/register"), ("/register", "/signin")):
        page = await client.get(f"{door}?callbackUrl=/games/moss%3Fa=b%26c")
        [link] = re.findall(rf'href="({other}[^"]*)"', page.text)
        assert 'name="callbackUrl" value="/games/moss?a=b&amp;c"' in (await client.get(link)).text
        assert f'href="{other}"' in (await client.get(door)).text


async def test_a_way_back_that_is_too_long_for_an_address_is_dropped(client: httpx.AsyncClient) -> None:
    form = {"csrfToken": csrf_token_of(await client.get("/signin")), "callbackUrl": "/" + "x" * 2001}
    answer = await client.post("/api/auth/callback/credentials", data=form)
    assert answer.headers["location"] == "/signin?error=CredentialsSignin"


async def test_register_works_without_scripts(client: httpx.AsyncClient) -> None:
    page = await client.get("/register")
    form = {
        "name": "Grace",
        "email": "grace@example.org",
        "password": PASSWORD,
        "csrfToken": csrf_token_of(page),
        "callbackUrl": "/",
    }
    answer = await client.post("/api/auth/register", data=form)
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert "Grace" in (await client.get("/")).text


@pytest.mark.parametrize("callback", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_sign_in_leads_nowhere_else(client: httpx.AsyncClient, callback: str) -> None:
    page = await client.get("/signin", params={"callbackUrl": callback})
    assert 'name="callbackUrl" value="/"' in page.text


@pytest.mark.parametrize("path", ["/games/the-question", "/play/ses123", "/history"])
async def test_a_page_for_players_leads_strangers_to_the_door_and_back(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, f"/signin?callbackUrl={path}")


@pytest.mark.parametrize("path", ["/signin", "/register"])
async def test_the_door_is_open_to_those_who_are_in(signed_in: SignedIn, path: str) -> None:
    answer = await (await signed_in()).get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, "/")


async def test_a_form_that_is_sent_before_its_script_has_run_puts_nothing_into_the_address(
    client: httpx.AsyncClient,
) -> None:
    forms = [
        form for page in FOLDER.glob("templates/*.html") for form in re.findall(r"<form\b[^>]*>", page.read_text())
    ]
    by_address = [form for form in forms if not re.search('method="(post|dialog)"', form)]
    assert len(forms) > len(by_address)
    assert [form for form in by_address if 'id="search-form"' not in form] == [], "what is looked for may be there"
    for path in ("/account", "/publishers", "/reset-password", "/forgot-password"):
        answer = await client.post(path, data={"password": PASSWORD}, headers=HTML)
        assert answer.status_code == 405
        assert "A form of it needs JavaScript" in answer.text
        assert "location" not in answer.headers
        assert PASSWORD not in answer.text


async def test_what_a_visitor_writes_in_an_address_is_escaped(signed_in: SignedIn) -> None:
    page = await (await signed_in()).get('/play/"><script>alert(1)<')
    assert page.status_code == 200
    assert "<script>alert" not in page.text


async def test_pages_forbid_foreign_and_inline_code(
    client: httpx.AsyncClient, signed_in: SignedIn, services: Services
) -> None:
    player = await signed_in()
    await add_game(services, "moss")
    pages = [await client.get(path) for path in ("/", "/signin", "/register")]
    pages += [await player.get(path) for path in ("/", "/games/moss", "/play/ses1", "/history")]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", page.text)


async def test_static_files_carry_an_etag_and_are_not_sent_twice(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/css/base.css")
    assert first.status_code == 200
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = await client.get("/static/css/base.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_every_static_file_that_a_page_names_is_there(
    client: httpx.AsyncClient, signed_in: SignedIn, services: Services
) -> None:
    player = await signed_in()
    await add_game(services, "moss")
    for path in ("/", "/games/moss", "/play/ses1", "/history"):
        addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', (await player.get(path)).text)
        assert addresses
        for address in addresses:
            found = await client.get(address)
            assert found.status_code == 200
            assert "immutable" in found.headers["cache-control"]


async def test_a_module_imports_only_modules_that_are_there() -> None:
    folder = FOLDER / "static" / "js"
    for module in folder.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', module.read_text()):
            assert (folder / name).is_file(), f"{module.name} imports {name}"


async def test_a_failure_is_a_page_for_people_and_json_for_programs(client: httpx.AsyncClient) -> None:
    page = await client.get("/nowhere", headers=HTML)
    assert page.status_code == 404
    assert "Nothing is playing here" in page.text
    assert (await client.get("/api/nowhere", headers=HTML)).json()["error"] == "not_found"
    assert (await client.get("/nowhere")).json()["error"] == "not_found"


async def test_a_game_that_is_not_there_is_not_found(signed_in: SignedIn, services: Services) -> None:
    player = await signed_in()
    await add_game(services, "moss")
    assert (await player.get("/games/moss", headers=HTML)).status_code == 200
    page = await player.get("/games/nowhere", headers=HTML)
    assert page.status_code == 404
    assert "Nothing is playing here" in page.text


async def test_the_page_of_a_failure_still_knows_who_is_signed_in(
    signed_in: SignedIn, client: httpx.AsyncClient
) -> None:
    player = await signed_in()
    for path in ("/nowhere", "/games/nowhere", "/admin/fleet"):
        page = await player.get(path, headers=HTML)
        assert page.status_code in (403, 404)
        assert "Menu of" in page.text
        assert "Menu of" not in (await client.get("/nowhere", headers=HTML)).text
    out = await player.post("/api/auth/signout", data={"csrfToken": csrf_token_of(page)})
    assert out.status_code == 302
    assert "Menu of" not in (await player.get("/nowhere", headers=HTML)).text


@get("/away", sync_to_thread=False)
def away() -> None:
    raise DatabaseUnavailable


@get("/broken", sync_to_thread=False)
def broken() -> None:
    raise RuntimeError("a bug")


@pytest.fixture(scope="module")
def application() -> Litestar:
    """One with two more paths."""
    application = create_app()
    application.register(away)
    application.register(broken)
    return application


async def test_only_what_the_log_holds_has_a_number_to_find_it_by(client: httpx.AsyncClient) -> None:
    bug = await client.get("/broken", headers=HTML)
    assert bug.status_code == 500
    assert "It is written down" in bug.text
    assert bug.headers["x-request-id"] in bug.text
    busy = await client.get("/away", headers=HTML)
    assert busy.status_code == 503
    assert "Nothing was changed" in busy.text
    assert "written down" not in busy.text
    assert busy.headers["x-request-id"] not in busy.text


async def test_two_visitors_get_different_csrf_tokens(new_client: Callable[[], httpx.AsyncClient]) -> None:
    one, other = await new_client().get("/"), await new_client().get("/")
    assert csrf_token_of(one) != csrf_token_of(other)
