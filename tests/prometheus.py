"""A temporary Prometheus from the installed binaries."""

import contextlib
import json
import os
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import answers, free_port, running

USER = "nobody"  # instead of root


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def api(self, path: str, **parameters: str) -> Any:
        """Query the API and return its data. Fails if Prometheus refuses, for example invalid PromQL."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """All series of a result by their labels, without NaN (0 / 0)."""
        result = self.api("query", query=promql)["result"]
        series = [(entry["metric"], float(entry["value"][1])) for entry in result]
        return [(labels, value) for labels, value in series if value == value]


@contextlib.contextmanager
def start(configuration: Path) -> Iterator[Prometheus]:
    """Run a server on a free port, with the configuration in a directory, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="groundplan-prometheus-") as name:
        directory = Path(name)
        shutil.copytree(configuration, directory / "configuration")
        user = None
        if os.geteuid() == 0:
            user = USER
            for path in (directory, *directory.rglob("*")):
                shutil.chown(path, user)
        address = f"127.0.0.1:{free_port()}"
        url = f"http://{address}"
        command: list[str | Path] = [
            "prometheus",
            f"--config.file={directory / 'configuration' / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={address}",
        ]
        with running(command, directory / "log", lambda: answers(f"{url}/-/ready"), user=user, cwd=directory):
            yield Prometheus(url)
