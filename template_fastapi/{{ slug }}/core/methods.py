"""HEAD wherever there is a GET, of which FastAPI's own routes know nothing."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Route HEAD like GET. The server leaves out the body: it still knows what was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_as_head(message: Message) -> None:
            scope["method"] = "HEAD"
            await send(message)

        scope["method"] = "GET"
        try:
            await self.app(scope, receive, send_as_head)
        finally:
            scope["method"] = "HEAD"
