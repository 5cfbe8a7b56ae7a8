"""Lambda's side of a function: the runtime API that its process asks for events."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HOST = "r3pmxmplak.execute-api.us-east-2.amazonaws.com"  # of API Gateway's events
HOSTS = f"{HOST},.lambda-url.us-east-2.on.aws"  # and of function URLs
SECONDS = 60  # until a process has answered


class Runtime(ThreadingHTTPServer):
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, for one process."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.events = queue.Queue[tuple[str, object]]()
        self.answers = queue.Queue[tuple[str, Any]]()
        self.address = f"127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """The process has ended."""

    def invoke(
        self, event: object, request_id: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    ) -> Any:
        """Return the function's response; as text, its error or the exit code of its process."""
        self.events.put((request_id, event))
        outcome, answer = self.answers.get(timeout=SECONDS)
        return (
            answer if outcome == "response" else f"{answer['errorType']}: {answer['errorMessage']}"
        )


class Exchange(BaseHTTPRequestHandler):
    """A request of the process."""

    server: Runtime
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits for 40 ms

    def do_GET(self) -> None:
        request_id, event = self.server.events.get()
        self.respond(
            200,
            json.dumps(event).encode(),
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
                "Lambda-Runtime-Deadline-Ms": "4102444800000",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-2:123456789012:function:web",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers.put((self.path.rpartition("/")[2], json.loads(body)))
        self.respond(202, b"{}", {})

    def respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def function(
    handler: str, output: Path, variables: dict[str, str], cwd: Path = ROOT
) -> Iterator[Runtime]:
    """Run a function as in Lambda, and write its log to a file."""
    variables = {"ALLOWED_HOSTS": HOSTS, "AWS_LAMBDA_FUNCTION_NAME": "web"} | variables
    command = [sys.executable, "-m", "awslambdaric", handler]
    with Runtime() as runtime, output.open("w") as log:
        environment = os.environ | {"AWS_LAMBDA_RUNTIME_API": runtime.address} | variables
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=log, stderr=log)

        def watch() -> None:
            ended = {"errorType": "Exit", "errorMessage": str(process.wait())}
            runtime.answers.put(("error", ended))

        threads = [threading.Thread(target=each) for each in (runtime.serve_forever, watch)]
        for thread in threads:
            thread.start()
        try:
            yield runtime
        finally:
            process.kill()
            runtime.shutdown()
            for thread in threads:
                thread.join()
