"""The file that is served: that it is what the pinned tool makes of the source, how large it is, how it is served."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAG = ROOT / "src" / "footfall" / "tag"
BUDGET_BYTES = 5 * 1024


def test_the_tag_has_at_most_five_kilobytes_as_it_is_sent(world):
    status, headers, body = world.get("/footfall.js?a=" + world.key, accept_encoding="gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == (TAG / "footfall.min.js").read_bytes()
    assert len(body) <= BUDGET_BYTES


def test_the_tag_may_be_used_by_any_page_and_is_fetched_once(world):
    status, headers, body = world.get("/footfall.js?a=" + world.key)
    assert status == 200
    assert body == (TAG / "footfall.min.js").read_bytes()
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["cache-control"] == "public, max-age=300"
    status, again, body = world.get("/api/aptrinsic.js?a=" + world.key, if_none_match=f'"other", W/{headers["etag"]}')
    assert (status, body, again["etag"]) == (304, b"", headers["etag"])
    assert world.get("/footfall.js?a=nobody")[0] == 404
    assert world.get("/footfall.js")[0] == 404


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_built_file_is_what_the_pinned_tool_makes_of_the_source(tmp_path):
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(TAG / name, tmp_path)
    shutil.copytree(TAG / "source", tmp_path / "source")
    install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    for command in (install, ["npm", "run", "build"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=240)
    assert (tmp_path / "footfall.min.js").read_text() == (TAG / "footfall.min.js").read_text()
