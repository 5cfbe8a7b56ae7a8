"""Programs that run beside the tests are waited for, and nothing of them is left."""

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conformance.subject import eventually
from tests.processes import NotReadyError, answers, free_port, free_ports, listens, running

PYTHON = (sys.executable, "-c")
IGNORE = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
DEAF = f"{IGNORE}; print('up', flush=True); time.sleep(60)"
FAILS = "print('up', flush=True); raise SystemExit(3)"


def test_a_server_serves_until_the_block_ends(tmp_path: Path) -> None:
    port = free_port()
    assert not listens(port)
    command = [sys.executable, "-m", "http.server", "--bind=127.0.0.1", str(port)]
    url = f"http://127.0.0.1:{port}"
    with running(command, tmp_path / "log", lambda: answers(url), cwd=tmp_path) as process:
        assert not answers(f"{url}/missing")
    assert process.returncode == -signal.SIGTERM
    assert not listens(port)


def test_a_program_that_ends_too_early_shows_its_log(tmp_path: Path) -> None:
    command = [*PYTHON, "raise SystemExit('this is why')"]
    reason = r"^ended with 1:\nthis is why"
    with pytest.raises(NotReadyError, match=reason), running(command, tmp_path / "log", lambda: False):
        pass


def test_a_program_that_is_never_ready_is_ended_and_shows_its_log(tmp_path: Path) -> None:
    started = time.monotonic()
    deaf = running([*PYTHON, DEAF], tmp_path / "log", lambda: False, seconds=1, grace=0.1)
    with pytest.raises(NotReadyError, match=r"^is not ready after 1 seconds:\nup"), deaf:
        pass
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(("program", "reason"), [(DEAF, "still ran 0.1 seconds after"), (FAILS, "ended with 3")])
def test_the_end_must_be_clean_unless_it_may_not(tmp_path: Path, program: str, reason: str) -> None:
    log = tmp_path / "log"

    def run(*, clean: bool) -> None:
        with running([*PYTHON, program], log, lambda: "up" in log.read_text(), grace=0.1, clean=clean) as process:
            if program == FAILS:
                process.wait(10)

    with pytest.raises(AssertionError, match=reason):
        run(clean=True)
    run(clean=False)


def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    child = f"import http.server; http.server.test(port={port}, bind='127.0.0.1')"
    command = [*PYTHON, f"{IGNORE}; import subprocess; subprocess.Popen({[*PYTHON, child]!r}); time.sleep(60)"]
    with running(command, log, lambda: listens(port), grace=0.1, clean=False):
        pass
    assert eventually(lambda: not listens(port)), "nobody waits for a child of a killed process"


def test_free_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50
