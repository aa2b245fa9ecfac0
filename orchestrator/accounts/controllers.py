"""`/api/auth`: the documented sign-in, as NextAuth clients speak it, and registration.

A browser's form is answered with a redirect. A client that asks for JSON (`Accept: application/json`, the field
`json=true`, or Auth.js' `X-Auth-Return-Redirect`) gets `{"url"}` instead, with 401 when the sign-in failed.
"""

from typing import Annotated, Any

from litestar import Controller, MediaType, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import Body
from litestar.response import Redirect

from orchestrator.accounts import csrf, tokens
from orchestrator.accounts.account import EMAIL_PATTERN, MOST_EMAIL_CHARACTERS, SignedIn
from orchestrator.accounts.cookies import cookie_of, session_cookie
from orchestrator.accounts.dependencies import provide_signed_in
from orchestrator.accounts.device_names import device_name
from orchestrator.accounts.passwords import GuessablePassword
from orchestrator.accounts.schemas import (
    Credentials,
    CsrfToken,
    Destination,
    NoSession,
    Registration,
    SessionUser,
    SessionView,
    SignOut,
)
from orchestrator.accounts.service import Accounts
from orchestrator.api_operations import takes
from orchestrator.errors import ApiError, Conflict, Forbidden, InvalidRequest, RateLimited
from orchestrator.http import (
    AnyRequest,
    address_of,
    local_path,
    origin_of,
    parse,
    read_fields,
    utc_milliseconds,
    with_return,
)
from orchestrator.settings import Settings

_WITH_CSRF_TOKEN = {"csrf_token": True}
_DESTINATION = ResponseSpec(
    Destination, generate_examples=False, description="The same as JSON, when that is asked for."
)
_TEXT = Schema(type=OpenAPIType.STRING)
_REGISTRATION = Schema(
    type=OpenAPIType.OBJECT,
    title="RegistrationForm",
    required=["email", "password", "name", "csrfToken"],
    properties={
        "email": Schema(type=OpenAPIType.STRING, max_length=MOST_EMAIL_CHARACTERS, pattern=EMAIL_PATTERN),
        "password": Schema(type=OpenAPIType.STRING, min_length=8, max_length=1000),
        "name": Schema(type=OpenAPIType.STRING, min_length=1, max_length=100),
        "csrfToken": _TEXT,
        "callbackUrl": _TEXT,
    },
)
_ONWARD = ResponseSpec(None, description="A form is answered with a redirect.")


class SignUpClosed(Forbidden):
    """The operator alone makes accounts."""

    def __init__(self) -> None:
        super().__init__("New accounts are made by the people who run this Playhouse. Please ask them for one.")


class AuthController(Controller):
    path = "/api/auth"
    tags = ("Authentication",)

    @get("/csrf", operation_id="getCsrfToken")
    async def csrf_token(
        self, request: AnyRequest, accounts: NamedDependency[Accounts], settings: NamedDependency[Settings]
    ) -> Response[CsrfToken]:
        """The token that the posts below repeat. The same one again while its cookie lives."""
        secret = accounts.installation.cookie_secret
        cookie = request.cookies.get(csrf.COOKIE)
        if csrf.token_of(cookie, secret) is None:
            cookie = csrf.new_cookie(secret)
        token = csrf.token_of(cookie, secret) or ""
        return Response(CsrfToken(csrfToken=token), cookies=[cookie_of(settings, csrf.COOKIE, cookie or "")])

    @post(
        "/callback/credentials",
        operation_id="signIn",
        status_code=302,
        opt=_WITH_CSRF_TOKEN,
        responses={200: _DESTINATION},
    )
    async def sign_in(
        self,
        request: AnyRequest,
        accounts: NamedDependency[Accounts],
        settings: NamedDependency[Settings],
        data: Annotated[Credentials, Body(media_type=RequestEncodingType.URL_ENCODED)],
    ) -> Response[Any]:
        """Sign in with e-mail and password: sets the session cookie and redirects to `callbackUrl`."""
        wants_json = _wants_json(request, data.json_answer)
        path = local_path(data.callback_url, settings.public_url, origin_of(request))
        if not _has_csrf_token(request, accounts, data.csrf_token):
            error = Forbidden("The CSRF token is missing or wrong. Please load the page again.")
            return _failure(request, error, "MissingCSRF", path, wants_json)
        try:
            token = await accounts.sign_in(
                data.email, data.password, address=address_of(request), device=_device_of(request)
            )
        except RateLimited as error:
            return _failure(request, error, "RateLimited", path, wants_json)
        except ApiError as error:
            return _failure(request, error, "CredentialsSignin", path, wants_json)
        return _onward(request, path, wants_json, session_cookie(settings, token))

    @get("/session", operation_id="getSession")
    async def session(self, request: AnyRequest) -> SessionView | NoSession:
        """Who is signed in; an empty object when nobody is."""
        found = await provide_signed_in(request)
        return _view(found) if found else NoSession()

    @post("/signout", operation_id="signOut", status_code=302, opt=_WITH_CSRF_TOKEN, responses={200: _DESTINATION})
    async def sign_out(
        self,
        request: AnyRequest,
        accounts: NamedDependency[Accounts],
        settings: NamedDependency[Settings],
        data: Annotated[SignOut, Body(media_type=RequestEncodingType.URL_ENCODED)],
    ) -> Response[Any]:
        """Makes the session's token worthless, clears the cookie, and redirects to the home page."""
        _require_csrf_token(request, accounts, data.csrf_token)
        if token := request.cookies.get(tokens.COOKIE):
            await accounts.sign_out(token)
        path = local_path(data.callback_url, settings.public_url, origin_of(request))
        cleared = session_cookie(settings, "")
        return _onward(request, path, _wants_json(request, data.json_answer), cleared)

    @post(
        "/register",
        operation_id="register",
        operation_class=takes(MediaType.JSON, schema=_REGISTRATION),
        status_code=201,
        opt=_WITH_CSRF_TOKEN,
        responses={302: _ONWARD},
    )
    async def register(
        self, request: AnyRequest, accounts: NamedDependency[Accounts], settings: NamedDependency[Settings]
    ) -> Response[Any]:
        """A new account, signed in at once.

        Takes `email`, `password` (8 characters or more; one that is easy to guess is refused with 400
        `guessable_password`), `name` and `csrfToken` as JSON or as a form. JSON is answered with 201 and the session, a
        form with a redirect to `callbackUrl`, or to `/register?error=` on failure. A letter asks for the proof of the
        address; one can play before. Where sign-up is closed: 403.
        """
        fields = await read_fields(request)
        path = local_path(fields.get("callbackUrl"), settings.public_url, origin_of(request))
        wants_json = request.content_type[0] == MediaType.JSON or _wants_json(request, bool(fields.get("json")))
        try:
            _require_csrf_token(request, accounts, fields.get("csrfToken"))
            if not settings.open_sign_up:
                raise SignUpClosed
            wanted = parse(Registration, fields)
            token = await accounts.register(
                wanted.email, wanted.password, wanted.name, address=address_of(request), device=_device_of(request)
            )
        except ApiError as error:
            if wants_json:
                raise
            code = _REGISTRATION_ERRORS.get(type(error), "Registration")
            return Redirect(with_return(f"/register?error={code}", path), status_code=302)
        cookie = session_cookie(settings, token)
        if not wants_json:
            return Redirect(path, status_code=302, cookies=[cookie])
        signed_in = await accounts.authenticate(token)
        return Response(_view(signed_in) if signed_in else NoSession(), cookies=[cookie])


_REGISTRATION_ERRORS: dict[type[ApiError], str] = {
    Conflict: "EmailTaken",
    Forbidden: "MissingCSRF",
    GuessablePassword: "GuessablePassword",
    SignUpClosed: "SignUpClosed",
    InvalidRequest: "InvalidFields",
    RateLimited: "RateLimited",
}


def _view(signed_in: SignedIn) -> SessionView:
    account = signed_in.account
    user = SessionUser(id=account.id, name=account.name, email=account.email, image=account.image)
    return SessionView(user=user, expires=utc_milliseconds(signed_in.expires_at))


def _device_of(request: AnyRequest) -> str:
    return device_name(request.headers.get("user-agent"))


def _has_csrf_token(request: AnyRequest, accounts: Accounts, submitted: object) -> bool:
    return csrf.is_valid(submitted, request.cookies.get(csrf.COOKIE), accounts.installation.cookie_secret)


def _require_csrf_token(request: AnyRequest, accounts: Accounts, submitted: object) -> None:
    if not _has_csrf_token(request, accounts, submitted):
        raise Forbidden("The CSRF token is missing or wrong. Please load the page again.")


def _wants_json(request: AnyRequest, json_field: bool) -> bool:
    accepts_json = request.headers.get("accept", "").partition(",")[0].partition(";")[0] == MediaType.JSON
    return json_field or accepts_json or "x-auth-return-redirect" in request.headers


def _onward(request: AnyRequest, path: str, wants_json: bool, cookie: Cookie) -> Response[Any]:
    if not wants_json:
        return Redirect(path, status_code=302, cookies=[cookie])
    return Response(Destination(url=origin_of(request) + path), status_code=200, cookies=[cookie])


def _failure(request: AnyRequest, error: ApiError, code: str, wanted: str, wants_json: bool) -> Response[Any]:
    """A sign-in that failed on the way to `wanted`. The JSON form also says where the page with the explanation is."""
    path = with_return(f"/signin?error={code}", wanted)
    if not wants_json:
        return Redirect(path, status_code=302)
    content = {"error": error.code, "message": error.message, "url": origin_of(request) + path}
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return Response(content, status_code=error.status, headers=headers)
