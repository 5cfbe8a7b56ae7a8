"""A stand-in for kubectl, which writes its calls to `calls` in the directory FAKE_KUBECTL, and answers by `answers`.

That is a JSON object of patterns: the first that a call fits has its answers, pairs of an exit code and a text. Each is
given once, and the last one again and again. Only `kustomize` is left to kubectl itself.
"""

import json
import os
import re
import sys
from pathlib import Path

directory = Path(os.environ["FAKE_KUBECTL"])
call = " ".join(sys.argv[1:])
with (directory / "calls").open("a") as calls:
    calls.write(f"{call}\n")
if sys.argv[1] == "kustomize":
    os.execv(os.environ["KUBECTL"], ["kubectl", *sys.argv[1:]])  # noqa: S606
if "--filename" in sys.argv:
    applied = Path(sys.argv[sys.argv.index("--filename") + 1]).read_text()
    (directory / "applied.yaml").write_text(applied)
answers = json.loads((directory / "answers").read_text())
for pattern, script in answers.items():
    if re.search(pattern, call):
        code, output = script.pop(0) if len(script) > 1 else script[0]
        (directory / "answers").write_text(json.dumps(answers))
        sys.stdout.write(output)
        sys.exit(code)
