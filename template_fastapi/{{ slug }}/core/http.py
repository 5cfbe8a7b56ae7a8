"""Calls to other services.

```python
async with Client(base_url="https://stock.internal") as stock:
    response = await stock.get("/api/levels")
```

A client keeps connections: make one for many calls, best for the life of the process.
"""

from typing import Any

import httpx2

from . import tracing


class Client(httpx2.AsyncClient):
    """An HTTP client that hands on what joins requests: the trace and the request id."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, which is recorded as a part of the one that is being answered."""
        with tracing.outgoing(request.method, request.url, request.headers) as record:
            response = await super().send(request, **options)
            record(response.status_code)
            return response
