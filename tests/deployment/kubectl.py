"""A fake kubectl, which records calls in the file `calls` in the directory FAKE_KUBECTL, and answers from `answers`.

`answers` is a JSON object. Its keys are patterns; the first match has a list of answers, each an exit code and a text.
They are used in turn, and the last one repeatedly. Only `kustomize` is passed to the real kubectl.
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
