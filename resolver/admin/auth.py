"""Who may pass: every request needs a valid token, unless its route says "public".

The check asks the matched route, never the path: a path that tricks (`//`, `%2e%2e`, `..;/`) reaches
a public handler only if the router itself says so, and an address that does not exist is 401
without a token, like any other. No method is special: TRACE, CONNECT, OPTIONS and HEAD pass here
too, and no header overrides a method.

Only `Authorization: Bearer` counts (RFC 6750 2.1). There are no cookies, so a foreign page has
nothing to ride on; still, a change that a browser says comes from another site is refused, in case
a proxy in front adds the header. No CORS header is ever sent.

Failures are counted for each address, in bounded memory. The limit touches failures only: a valid
token from the same address (a school behind one NAT) still works. It is no defence of the secret,
whose 192 bits need none, but of the log and the processor.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from resolver.admin.http import Route
from resolver.admin.problems import problem
from resolver.admin.tokens import MAX_TEXT, Caller, Tokens
from resolver.errors import RequestError, StoreError

_log = structlog.get_logger(__name__)

CALLER: Final = web.RequestKey("CALLER", Caller)
"""Where the frame and the log find who calls. Absent until the token was checked."""

NOBODY: Final = Caller("", ())

_SAFE: Final = (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS)

_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Failures:
    """Counts failed attempts by address. At most `limit` in `window` seconds, of `addresses` at most.

    When more addresses fail than are remembered, the one that failed longest ago is forgotten.
    """

    def __init__(self, limit: int = 20, window: float = 60.0, addresses: int = 4096) -> None:
        self._limit: Final = limit
        self._window: Final = window
        self._addresses: Final = addresses
        self._counts: Final[OrderedDict[str, tuple[float, int]]] = OrderedDict()

    def add(self, address: str, now: float) -> float:
        """Count one; 0 within the limit, else the seconds until the count begins anew."""
        key = _network_of(address)
        begun, count = self._counts.pop(key, (now, 0))
        if now - begun >= self._window:
            begun, count = now, 0
        self._counts[key] = (begun, count + 1)
        if len(self._counts) > self._addresses:
            self._counts.popitem(last=False)
        return begun + self._window - now if count >= self._limit else 0.0

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._counts)


def _network_of(address: str) -> str:
    """An IPv6 host owns 2^64 addresses, so its /64 counts as one (RFC 4291 2.5.1)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "?"
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def authenticate(tokens: Tokens, routes: Mapping[web.AbstractRoute, Route], failures: Failures) -> Middleware:
    """The middleware. `routes` knows what each route of the router needs; whatever it does not know
    (404, 405) needs a valid token all the same."""

    @web.middleware
    async def middleware(request: web.Request, handler: _Next) -> web.StreamResponse:
        route = routes.get(request.match_info.route)
        if route is not None and route.scope == "public":
            request[CALLER] = NOBODY
            return await handler(request)
        caller = _identify(request, tokens)
        if isinstance(caller, RequestError):
            raise _limited(request, caller, failures)
        request[CALLER] = caller
        _refuse_other_sites(request)
        if route is not None:
            _check_scope(caller, route, request.match_info.get("id"))
        return await handler(request)

    return middleware


def _identify(request: web.Request, tokens: Tokens) -> Caller | RequestError:
    """Whom the request comes from, or the refusal it gets. Wrong, unknown and expired are told alike."""
    lines = request.headers.getall(hdrs.AUTHORIZATION, [])
    scheme, _, text = lines[0].partition(" ") if len(lines) == 1 else ("", "", "")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        return problem("token-missing", "Send one header `Authorization: Bearer TOKEN`.")
    try:
        caller = tokens.check(text[: MAX_TEXT + 1], time.time())
    except StoreError as error:
        # The text names the file, which is nothing for somebody who is not known yet.
        _log.critical("tokens.failed", error=str(error))
        return problem("store-failed", "The tokens cannot be read. The log says why.")
    if caller is None:
        return problem("token-invalid", "It is wrong, expired or revoked. `belisha token create` makes one.")
    return msgspec.structs.replace(caller, address=request.remote or "")


def _limited(request: web.Request, refusal: RequestError, failures: Failures) -> RequestError:
    """The 401, or 429 when this address has failed too often of late. Our own faults are not counted."""
    if refusal.status != 401:
        return refusal
    wait = failures.add(request.remote or "", time.monotonic())
    if not wait:
        return refusal
    seconds = math.ceil(wait)
    return problem(
        "too-many-failures",
        f"Wait {seconds} s, or send a valid token, which works at once.",
        retry_after=seconds,
    )


def _refuse_other_sites(request: web.Request) -> None:
    """Raises RequestError (403) for a change that a browser says another site has caused.

    Sec-Fetch-Site is set by the browser and cannot be set by a page (Fetch Metadata); Origin (RFC 6454 7)
    is what older browsers send. A program sends neither.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("none", "same-origin"):
        raise problem("cross-site", "The browser says that another site sent this; nothing was changed.")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and _authority(origin) != request.host.lower():
        raise problem("cross-site", "The Origin header names another site; nothing was changed.")


def _authority(origin: str) -> str:
    """`https://belisha.example:8053` -> `belisha.example:8053`; "" for `null` and nonsense."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _check_scope(caller: Caller, route: Route, list_id: str | None) -> None:
    """Raises RequestError (403 scope-missing) that names the scope which would do."""
    match route.scope:
        case "read":
            enough, needed = caller.may_read(list_id), "read"
        case "lists:push":
            enough, needed = caller.may_push(list_id), f"lists:push:{list_id or '*'}"
        case _:
            enough, needed = caller.is_admin, "admin"
    if not enough:
        raise problem("scope-missing", f"This needs the scope `{needed}`.", scope=needed)
