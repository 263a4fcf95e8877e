"""The file that is served is what the pinned tool makes of the source."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAG = ROOT / "src" / "footfall" / "tag"


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_built_file_is_what_the_pinned_tool_makes_of_the_source(tmp_path):
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(TAG / name, tmp_path)
    shutil.copytree(TAG / "source", tmp_path / "source")
    install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    for command in (install, ["npm", "run", "build"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=240)
    assert (tmp_path / "footfall.min.js").read_text() == (TAG / "footfall.min.js").read_text()
