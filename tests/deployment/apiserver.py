"""As much of a Kubernetes API server as `kubectl apply --server-side` asks: it knows kinds, and notes what comes."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLUSTER_WIDE = {"Namespace"}


def discovery(kinds: set[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """What the server says of itself, by path; kinds are pairs of an apiVersion and a kind."""
    versions = sorted({version for version, _ in kinds if "/" in version})
    groups = [
        {"name": version.split("/")[0], "versions": [entry], "preferredVersion": entry}
        for version in versions
        for entry in [{"groupVersion": version, "version": version.split("/")[1]}]
    ]
    answers: dict[str, dict[str, Any]] = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for version in ("v1", *versions):
        resources = [
            {
                "name": plural(kind),
                "singularName": "",
                "namespaced": kind not in CLUSTER_WIDE,
                "kind": kind,
                "verbs": ["get", "patch"],
            }
            for at, kind in sorted(kinds)
            if at == version
        ]
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        answers[path] = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
    return answers


def plural(kind: str) -> str:
    return f"{kind.lower().removesuffix('y')}{'ies' if kind.endswith('y') else 's'}"


@contextlib.contextmanager
def serve(kinds: set[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """A server on a free port until the block ends: its address, and kind and name of what was applied, in order."""
    answers = discovery(kinds)
    applied: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"}
            found = answers.get(self.path.partition("?")[0])
            self.answer(200 if found else 404, found or missing)

        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            applied.append(f"{body['kind']} {body['metadata']['name']}")
            self.answer(200, body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", applied
        server.shutdown()
        thread.join()
