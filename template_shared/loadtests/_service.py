"""Arguments, thresholds and the base class of all users. The other modules here say what users do."""

import ipaddress
import logging
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from gevent import get_hub
from locust import FastHttpUser, between, events

MOST_USERS = 1000  # of one process

logger = logging.getLogger(__name__)


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any, **_: Any) -> None:
    group = parser.add_argument_group("Thresholds; the exit code is 1 if one is exceeded")
    for name, default, text in (
        ("failures", 1, "percent of each kind of request that may fail"),
        ("p95", 500, "milliseconds for 95%% of each kind of request"),
        ("p99", 1000, "milliseconds for 99%%"),
    ):
        options = {"type": float, "default": default, "env_var": f"LOAD_MAX_{name.upper()}"}
        group.add_argument(f"--max-{name}", help=f"{text} (default: {default})", **options)
    group = parser.add_argument_group("Target")
    text = "a host on another machine that may be tested"
    group.add_argument("--allow-host", default="", env_var="LOAD_ALLOW_HOST", help=text)
    text = "an access token, if the service requires one"
    group.add_argument("--token", default="", env_var="LOAD_TOKEN", help=text)


@events.init.add_listener
def refuse_what_has_no_limit(environment: Any, **_: Any) -> None:
    """Exit unless the load is limited, and the service is on this machine."""
    options = environment.parsed_options
    if options.worker:  # of `--processes` or on another machine; its master checks the arguments
        return
    environment.host = (environment.host or "").rstrip("/")
    host = urlsplit(environment.host).hostname or ""
    if not is_loopback(host) and host != options.allow_host:
        sys.exit(f"{host or 'The host'} is not this machine. To test it, add: --allow-host {host}")
    if not options.run_time:
        sys.exit("A test needs --run-time.")
    if (options.num_users or 1) > MOST_USERS and not options.master:
        sys.exit(f"A process has at most {MOST_USERS} users. To have more, add: --processes -1")
    get_hub().loop.update_now()  # otherwise, the seconds of imports count as part of the run time


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@events.quitting.add_listener
def judge(environment: Any, **_: Any) -> None:
    """Set the exit code: https://docs.locust.io/en/stable/running-without-web-ui.html."""
    if environment.parsed_options.worker:  # the master knows all requests
        return
    found = list(exceeded(environment))
    for problem in found:
        logger.error(problem)
    environment.process_exit_code = 1 if found else 0


def exceeded(environment: Any) -> Iterator[str]:
    """Name the thresholds that the requests exceed."""
    options, stats = environment.parsed_options, environment.stats
    if not stats.total.num_requests:
        yield "There was no request."
    for each in environment.runner.exceptions.values():
        yield f"A user failed: {each['msg']}"
    for (name, method), entry in stats.entries.items():
        if (failures := 100 * entry.fail_ratio) > options.max_failures:
            yield f"{method} {name}: {failures:.2f}% failed, more than {options.max_failures}%"
        for percent, limit in ((95, options.max_p95), (99, options.max_p99)):
            if (took := entry.get_response_time_percentile(percent / 100)) > limit:
                yield f"{method} {name}: {percent}% took up to {took:.0f} ms, more than {limit} ms"


class ServiceUser(FastHttpUser):
    """Sends requests with a pause in between."""

    abstract = True
    wait_time = between(0.1, 0.5)

    @property
    def url(self) -> str:
        return str(self.host)

    @property
    def authorization(self) -> dict[str, str]:
        """The header of requests that require a token."""
        token = self.environment.parsed_options.token
        return {"Authorization": f"Bearer {token}"} if token else {}
