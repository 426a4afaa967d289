"""Who may ask the demo page, and what its pages may do.

The page gives out tokens and makes events, so no other site may use it through a visitor's browser.
A site that has its own name resolve to this machine (DNS rebinding) is refused by `Host`, a form or
a script of another site by `Origin`, a frame by the Content-Security-Policy; and without CORS
headers no other site reads an answer.
"""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quadrupel.api.problems import Problem

SAFE = frozenset({"GET", "HEAD"})

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self';"
    " require-trusted-types-for 'script'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Lets in what a browser asks for at one of `hosts` (`name:port`), from pages of that host."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        problem = self._refusal(scope["method"], Headers(scope=scope))
        answer = self._app if problem is None else problem.response()
        await answer(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers) -> Problem | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            detail = f"the demo page is at {' and '.join(sorted(self._hosts))} only"
            return Problem(HTTPStatus.MISDIRECTED_REQUEST, "wrong-host", detail)
        if method in SAFE or headers.getlist("origin") == [f"http://{hosts[0].lower()}"]:
            return None
        detail = "only the page itself makes things happen: Origin must be its own"
        return Problem(HTTPStatus.FORBIDDEN, "wrong-origin", detail)
