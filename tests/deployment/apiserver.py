"""As much of a Kubernetes API server as `kubectl apply --server-side` asks: it knows kinds, and notes what comes."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
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
                "verbs": ["get", "list", "patch", "watch"],
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
def serve(kinds: set[tuple[str, str]], states: Sequence[dict[str, Any]] = ()) -> Iterator[tuple[str, list[str]]]:
    """A server on a free port until the block ends: its address, and kind and name of what was applied, in order.

    An object in `states` starts in the first of them, and clients that watch it are told the others.
    """
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
            path, _, query = self.path.partition("?")
            if states and path.startswith("/apis/batch/v1/namespaces/"):
                if "watch=true" in query:
                    self.watch()
                else:
                    self.answer(200, states[0])
                return
            found = answers.get(path)
            self.answer(200 if found else 404, found or missing)

        def watch(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            ended = {"annotations": {"k8s.io/initial-events-end": "true"}, "resourceVersion": "1"}
            bookmark = {"kind": states[0]["kind"], "apiVersion": states[0]["apiVersion"], "metadata": ended}
            events = [("ADDED", states[0]), ("BOOKMARK", bookmark), *(("MODIFIED", state) for state in states[1:])]
            for kind, state in events:
                self.wfile.write(json.dumps({"type": kind, "object": state}).encode() + b"\n")
                self.wfile.flush()
            time.sleep(2)

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
