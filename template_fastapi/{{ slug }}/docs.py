"""FastAPI's Swagger UI, without a CDN: https://fastapi.tiangolo.com/how-to/custom-docs-ui-assets/."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)
router.mount("/api/docs/assets", StaticFiles(packages=[("fastapi_swagger", "resources")]))
redirect = APIRouter(include_in_schema=False, redirect_slashes=False)


@router.get("/api/docs")
async def swagger_ui(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "").rstrip("/")
    page = get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{root}/api/docs/assets/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/api/docs/assets/swagger-ui.css",
        swagger_favicon_url=f"{root}/api/docs/assets/favicon-32x32.png",
        oauth2_redirect_url=f"{root}/api/docs/oauth2-redirect",
        init_oauth=request.app.swagger_ui_init_oauth,
        swagger_ui_parameters=request.app.swagger_ui_parameters,
    )
    return with_policy(page, opener="same-origin-allow-popups")  # logins open a window


@router.get("/api/docs/oauth2-redirect")
async def oauth2_redirect() -> HTMLResponse:
    return with_policy(get_swagger_ui_oauth2_redirect_html(), opener="unsafe-none")


@redirect.get("/")
async def redirect_to_docs(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url_for("swagger_ui").path)


def with_policy(page: HTMLResponse, *, opener: str) -> HTMLResponse:
    """Allow the page its own inline scripts, and no others.

    It may connect to an identity provider, in development also to one on this machine.
    """
    scripts = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    hashes = " ".join(f"'sha256-{b64encode(sha256(text).digest()).decode()}'" for text in scripts)
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self' https: http://localhost:*; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    page.headers["Cross-Origin-Opener-Policy"] = opener
    return page
