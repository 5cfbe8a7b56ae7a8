"""Measures the CPU time of the command, imports and git included: python benchmarks/command.py [--rounds 7]

The commands take turns. The median of the rounds is given with the least and the greatest, in seconds of a core.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GROUNDPLAN = Path(sys.executable).parent / "groundplan"
LIMITS = {  # in seconds
    "--help": None,
    "decide --preset cms": 1.0,
    "questions": None,
    "new service --defaults": 2.5,
}


def used(command: str) -> float:
    """Return the CPU seconds of a command and its children, in an empty directory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([GROUNDPLAN, *command.split()], cwd=directory, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print a table, and return 1 if a median is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    times = [{command: used(command) for command in LIMITS} for _ in range(rounds)]
    missed = False
    for command, limit in LIMITS.items():
        measured = [each[command] for each in times]
        median = statistics.median(measured)
        goal = "" if limit is None else f"  goal: {limit} s"
        print(f"{command:24}{median:6.2f} s ({min(measured):.2f} to {max(measured):.2f}){goal}")
        missed |= limit is not None and median > limit
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
