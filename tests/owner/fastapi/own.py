"""What an owner adds to a FastAPI project, as FastAPI's documentation describes it."""

import logging.config
import os
import sys
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles

router = APIRouter(prefix="/own")


@router.get("/page", response_class=HTMLResponse)
async def page() -> str:
    return "<p>A page"


@router.get("/framed")
async def framed(response: Response) -> str:
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Content-Security-Policy"] = "default-src 'self'"
    return "In a frame"


@router.get("/refused")
async def refused() -> None:
    raise HTTPException(400, detail={"code": "too_short", "least": 3})


@router.get("/boom")
async def boom() -> None:
    raise RuntimeError("boom of the api")


@router.head("/ping")
async def ping(response: Response) -> None:
    response.headers["X-Pong"] = "yes"


lenient = APIRouter(prefix="/own/lenient", strict_content_type=False)


@lenient.post("")
async def take(body: dict[str, int]) -> int:
    return sum(body.values())


events = APIRouter()


@events.post("{$callback_url}/paid")
async def paid(body: dict[str, int]) -> None:
    """What this service tells its caller."""


invoices = APIRouter(prefix="/own/invoices", callbacks=events.routes)


@invoices.post("")
async def create_invoice(callback_url: str) -> None: ...


async def not_found(request: Request, error: Exception) -> Response:
    return PlainTextResponse("An own answer", 404)


async def failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"own": type(error).__name__}, 500)


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"own": {"format": "OWN %(levelname)s %(message)s"}},
    "handlers": {
        "own": {"class": "logging.StreamHandler", "stream": sys.stdout, "formatter": "own"},
        "tracker": {"class": f"{__package__}.tracker.Handler", "level": "ERROR"},
    },
    "root": {"handlers": ["own", "tracker"], "level": "INFO"},
}


def extend(app: FastAPI) -> None:
    """What the owner writes at the end of main.py."""
    logging.config.dictConfig(LOGGING)
    for each in (router, lenient, invoices):
        app.include_router(each)
    app.add_api_route("/", lambda: "An own home page")
    app.mount("/site", StaticFiles(directory=Path(os.environ["SITE"]), html=True))
    app.add_middleware(CORSMiddleware, allow_origins=["https://spa.example"], allow_methods=["*"])
    app.exception_handler(404)(not_found)
    app.exception_handler(Exception)(failed)
