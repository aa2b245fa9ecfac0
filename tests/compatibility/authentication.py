"""Signing in and out as the page on authentication has it: a CSRF token, a form post, a cookie."""

import time
from datetime import datetime

from tests.compatibility.asking import (
    SESSION_COOKIE,
    Answer,
    Client,
    expect,
    expect_shape,
    is_id,
    is_text,
    is_text_or_null,
    is_time_in_milliseconds,
)
from tests.compatibility.checks import Part, World

PART = Part("Authentication")

USER = {"id": is_id, "name": is_text_or_null, "email": is_text, "image": is_text_or_null}
DAY_S = 86_400


@PART.check("GET /api/auth/csrf", "`csrfToken`")
async def gives_a_token(world: World) -> None:
    async with Client(world.site) as visitor:
        (await visitor.get("/api/auth/csrf")).ok({"csrfToken": is_text})


@PART.check("POST /api/auth/callback/credentials", "a form post of `email`, `password` and `csrfToken` redirects")
async def signing_in_redirects(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        _expect_redirect(await visitor.sign_in(player.email, player.password))


@PART.check("POST /api/auth/callback/credentials", "redirects to the `callbackUrl` that was sent")
async def signing_in_leads_back(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        form = {
            "email": player.email,
            "password": player.password,
            "csrfToken": await visitor.csrf_token(),
            "callbackUrl": f"{world.site}/games/{world.game}",
        }
        answer = await visitor.ask("POST", "/api/auth/callback/credentials", form=form)
        _expect_redirect(answer)
        expect(answer.headers["location"].endswith(f"/games/{world.game}"), f"it leads to {answer.headers['location']}")


@PART.check(
    "POST /api/auth/callback/credentials", "sets `next-auth.session-token`, for HTTP only, a JWT, valid for 30 days"
)
async def signing_in_sets_the_cookie(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        answer = await visitor.sign_in(player.email, player.password)
        [cookie] = [each for each in answer.set_cookies if each.startswith(f"{SESSION_COOKIE}=")] or [""]
        expect(bool(cookie), f"the cookies are {[each.split('=')[0] for each in answer.set_cookies]}")
        expect("httponly" in cookie.lower(), "the cookie may be read by scripts")
        expect(visitor.token().count(".") == 2, "the token is no JWT")
        session = await visitor.get("/api/auth/session")
        ends = datetime.fromisoformat(session.word("expires")).timestamp()
        expect(29 * DAY_S < ends - time.time() < 31 * DAY_S, f"it ends at {session.word('expires')}")


@PART.check("POST /api/auth/callback/credentials", "a wrong password signs nobody in")
async def a_wrong_password(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        await visitor.sign_in(player.email, "not the password of anybody")
        await _expect_signed_out(visitor)


@PART.check("POST /api/auth/callback/credentials", "without the `csrfToken` nobody is signed in")
async def no_csrf_token(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        form = {"email": player.email, "password": player.password}
        await visitor.ask("POST", "/api/auth/callback/credentials", form=form)
        await _expect_signed_out(visitor)


@PART.check("GET /api/auth/session", "signed in: `user` with `id`, `name`, `email`, `image`; `expires` in milliseconds")
async def session_of_somebody(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        await visitor.sign_in(player.email, player.password)
        answer = (await visitor.get("/api/auth/session")).ok({"expires": is_time_in_milliseconds})
        expect_shape(answer.at("user"), USER, "`user`")
        expect(answer.word("user", "email") == player.email, "`email` is somebody else's")


@PART.check("GET /api/auth/session", "signed out: `{}`")
async def session_of_nobody(world: World) -> None:
    async with Client(world.site) as visitor:
        await _expect_signed_out(visitor)


@PART.check("POST /api/auth/signout", "clears the cookie and redirects to the homepage")
async def signing_out(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        await visitor.sign_in(player.email, player.password)
        answer = await visitor.sign_out()
        _expect_redirect(answer)
        location = answer.headers["location"].removeprefix(world.site.rstrip("/"))
        expect(location in {"", "/"}, f"it leads to {location}")
        expect(not visitor.token(), "the cookie is still there")
        await _expect_signed_out(visitor)


@PART.check("POST /api/auth/signout", "without the `csrfToken` nobody is signed out")
async def signing_out_needs_the_token(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        await visitor.sign_in(player.email, player.password)
        await visitor.ask("POST", "/api/auth/signout", form={})
        answer = await visitor.get("/api/auth/session")
        answer.ok({"user": lambda user: isinstance(user, dict)})


@PART.check("GET /api/game/sessions", "401 `unauthorized` with a token that was revoked, or is none")
async def revoked_tokens(world: World) -> None:
    player = await world.newcomer()
    async with Client(world.site) as visitor:
        await visitor.sign_in(player.email, player.password)
        token = visitor.token()
        await visitor.sign_out()
        for no_longer_good in (token, "not.a.token", f"{token}x"):
            visitor.hold(no_longer_good)
            (await visitor.get("/api/game/sessions")).refused(401, "unauthorized")


def _expect_redirect(answer: Answer) -> None:
    expect(answer.status in {302, 303, 307, 308}, f"{answer.asked} answered {answer.status}: {answer.text[:200]}")
    expect("location" in answer.headers, f"{answer.asked} leads nowhere")


async def _expect_signed_out(visitor: Client) -> None:
    answer = (await visitor.get("/api/auth/session")).ok({})
    expect(answer.body() == {}, f"the session is {answer.text}")
