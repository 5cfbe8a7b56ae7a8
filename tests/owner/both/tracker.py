"""Error trackers: a handler of the standard library's logging, and Sentry's own SDK if it is there.

Both write what they see to a file, one JSON object per line.
"""

import json
import logging
import os

try:
    import sentry_sdk
    from sentry_sdk.transport import Transport
except ImportError:
    sentry_sdk = None


def note(tracker: str, kind: str, message: str) -> None:
    with open(os.environ["TRACKED"], "a") as file:
        print(json.dumps({"tracker": tracker, "kind": kind, "message": message}), file=file)


class Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            note("logging", type(record.exc_info[1]).__name__, str(record.exc_info[1]))


if sentry_sdk and "TRACKED" in os.environ:

    class FileTransport(Transport):
        def capture_envelope(self, envelope):
            for error in ((envelope.get_event() or {}).get("exception") or {}).get("values", ()):
                note("sentry", error["type"], error["value"])

    sentry_sdk.init(dsn="https://key@sentry.example/1", transport=FileTransport)
