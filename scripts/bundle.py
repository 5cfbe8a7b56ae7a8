"""Build hook: add the git history of the template to the wheel, so that projects made from it can be updated."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateBundle(BuildHookInterface):  # type: ignore[type-arg]
    """Writes `groundplan/template.bundle` with all commits up to HEAD, and the versions' tags."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # the clone is the template
        root = Path(self.root)
        bundle = root / "groundplan" / "template.bundle"
        if not (root / ".git").exists():
            if not bundle.exists():  # a source distribution contains it
                raise RuntimeError("Build from a git clone: the wheel contains the git history of the template.")
            return
        command = ["git", "bundle", "create", "--quiet", str(bundle), "HEAD", "--tags=v*"]
        subprocess.run(command, cwd=root, check=True)
