"""Puts the template's git history into the wheel, so that a project made from the wheel can be updated."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateBundle(BuildHookInterface):  # type: ignore[type-arg]
    """Writes `groundplan/template.bundle`: every commit up to the one that is built, and the tags."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # the clone itself is the template
        root = Path(self.root)
        bundle = root / "groundplan" / "template.bundle"
        if not (root / ".git").exists():
            if not bundle.exists():  # a source distribution carries it
                raise RuntimeError("Build from a git clone: the wheel holds the history of the template.")
            return
        command = ["git", "bundle", "create", "--quiet", str(bundle), "HEAD", "--tags"]
        subprocess.run(command, cwd=root, check=True)
