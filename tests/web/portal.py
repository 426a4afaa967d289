"""A portal that shows banners: pages under as strict a Content-Security-Policy as there is."""

import json
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from .serving import Server

CLIENT = Path(__file__).parents[2] / "clients/web"

WAITS = {
    "retry": 50, "most": 200, "answer": 5000, "silence": 4000, "stable": 100, "poll": 200,
    "again": 60_000, "hidden": 50, "seen": 150, "feedback": 50,
}  # fmt: skip
"""As by default, but for somebody in a hurry; a busy machine that is late has not failed yet."""

ELEMENT = '<quadrupel-banners placement="main"></quadrupel-banners>'
CONFIGURE = "configure({ api, waits, token: () => 'citizen' });"

PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Портал</title>
<link rel="stylesheet" href="/portal.css">
<script type="module" src="/portal.js"></script>
</head>
<body>
<main>
<h1>Портал</h1>
<p><a href="/before">До</a></p>
{body}
<p><a href="/after">После</a></p>
</main>
</body>
</html>"""

SCRIPT = """
import {{ configure, connect }} from '/quadrupel-banners.js';
const [api, waits] = ['{api}', {waits}];
Object.assign(window, {{ api, configure, connect, waits }});
{configure}
"""


class Portal:
    """Serves one page, its script and its style at whatever address, and the component."""

    def __init__(self) -> None:
        routes = [Route("/{path:path}", self._answer)]
        self._server = Server(Starlette(routes=routes))
        self.page = self.style = self.script = self.policy = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.port}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def write(
        self,
        api: str,
        body: str = ELEMENT,
        configure: str = CONFIGURE,
        *,
        style: str = "",
        language: str = "ru",
        **waits: Any,
    ) -> None:
        """What the page holds, what its script does, how it looks, in which language it is."""
        self.policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src {api};"
            " base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
        )
        self.page, self.style = PAGE.format(body=body, language=language), style
        hurried = json.dumps(WAITS | waits)
        self.script = SCRIPT.format(api=api, waits=hurried, configure=configure)

    def _answer(self, request: Request) -> Response:
        match request.path_params["path"].rpartition("/")[2]:
            case "quadrupel-banners.js":
                return FileResponse(CLIENT / "quadrupel-banners.js", media_type="text/javascript")
            case "portal.js":
                return Response(self.script, media_type="text/javascript")
            case "portal.css":
                return Response(self.style, media_type="text/css")
            case "favicon.ico":
                return Response(status_code=204)
        headers = {"Content-Security-Policy": self.policy}
        return Response(self.page, headers=headers, media_type="text/html")
