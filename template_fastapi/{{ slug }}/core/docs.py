"""The API's page: Swagger UI, which needs nobody else's server."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse

from .problems import NotFoundError

ADDRESS = "/api/docs"
ASSETS = frozenset({"swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"})

# Relative addresses: they hold as well where a proxy adds a prefix.
SCRIPT = """
SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true});
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script>{script}</script>
</body>
</html>
"""
SCRIPT_HASH = b64encode(sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; script-src 'self' 'sha256-{SCRIPT_HASH}'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def add_page(app: FastAPI) -> None:
    """Serve the page, and what it loads from the package `fastapi_swagger`."""
    directory = Path(str(files("fastapi_swagger"))) / "resources"
    page = HTMLResponse(
        PAGE.format(title=escape(app.title), script=SCRIPT),
        headers={"Content-Security-Policy": POLICY},
    )

    @app.get(ADDRESS, include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page

    @app.get(f"{ADDRESS}/assets/{{name}}", include_in_schema=False)
    async def asset(name: str) -> FileResponse:
        if name not in ASSETS:
            raise NotFoundError
        return FileResponse(directory / name, headers={"Cache-Control": "max-age=3600"})
