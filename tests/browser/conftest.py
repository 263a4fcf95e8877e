"""Pages in a real browser against a real server: one of each for all tests, a site and a line of its own for each."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import chromium
import pytest
import served_api
import web_site

KEY = "write-key-of-pages"
NODE = Path(__file__).with_name("node")
TAG = Path(__file__).parents[2] / "src" / "footfall" / "tag"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path.as_posix()):
            item.add_marker(pytest.mark.browser)
            if chromium.PROGRAM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium is installed (Debian: apt-get install chromium)"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "tests/browser/" in r.nodeid]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests of pages skipped")


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[served_api.Api]:
    with served_api.served(tmp_path_factory.mktemp("hub") / "data", FOOTFALL_WRITE_KEY=KEY) as api:
        yield api


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], str]:
    """Make one script of other people's libraries, as a site does: ``bundled(module, name of its global)``."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    libraries, tool = tmp_path_factory.mktemp("libraries"), tmp_path_factory.mktemp("tool")
    for folder, place in ((NODE, libraries), (TAG, tool)):
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(folder / name, place)
        install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(install, cwd=place, check=True, capture_output=True, timeout=240)

    def make(module: str, name: str) -> str:
        entry = libraries / f"{name}.js"
        entry.write_text(module)
        esbuild = [tool / "node_modules" / ".bin" / "esbuild", entry, f"--global-name={name}"]
        command = [*esbuild, "--bundle", "--format=iife", "--log-level=error"]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    return make


@dataclass
class World:
    """A site whose pages have the tag, the line it sends through, and the browser."""

    site: web_site.Site
    line: web_site.Line
    browser: chromium.Browser
    hub: served_api.Api
    key: str = KEY

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Ask the collector itself. A header's ``_`` stands for ``-``."""
        line = http.client.HTTPConnection("127.0.0.1", self.hub.collector_port, timeout=30)
        try:
            line.request("GET", path, headers={name.replace("_", "-"): each for name, each in headers.items()})
            answer = line.getresponse()
            return answer.status, {name.lower(): each for name, each in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def tag(self, name: str = "footfall.js") -> str:
        return f'<script async src="{self.line.url}/{name}?a={self.key}"></script>'

    def page(self, path: str = "/", body: str = "", script: str = "", tag: str | None = None, **headers: str) -> str:
        """Make a page with a stub, ``script`` after it, and the tag; returns its address."""
        stub = "window.footfall=window.footfall||function(){(footfall.q=footfall.q||[]).push(arguments)};"
        tag = self.tag() if tag is None else tag
        html = f"<!doctype html><title>Page {path}</title><script>{stub}{script}</script>{tag}<body>{body}"
        return self.site.add(path, html, **headers)

    def open(self, url: str, before: str = "") -> chromium.Page:
        """Open an address in a new tab."""
        page = self.browser.page()
        if before:
            page.before(before)
        page.open(url)
        return page

    def stored(self) -> list[str]:
        """What the tag keeps in the browser: names in storage. Asked in a page of this site without a tag."""
        page = self.open(self.site.add("/none", "<title>none</title>"))
        page.wait("location.pathname === '/none' && document.readyState === 'complete'")
        found = page.run("JSON.stringify(Object.keys(localStorage))")
        page.close()
        names: list[str] = json.loads(found)
        return names


@pytest.fixture
def world(hub: served_api.Api, browser: chromium.Browser) -> Iterator[World]:
    with web_site.site() as site, web_site.line_to(hub.collector_port) as line:
        made = World(site, line, browser, hub)
        yield made
        for page in list(browser.pages.values()):
            page.close()


@pytest.fixture
def pages(world: World) -> Callable[..., chromium.Page]:
    """Make a page, open it, and wait for its tag: ``pages(body, script=…, path=…)``."""

    def make(body: str = "", path: str = "/", before: str = "", **more: str) -> chromium.Page:
        page = world.open(world.page(path, body, **more), before)
        page.wait("!!self.footfall?.loaded && (!navigator.locks || navigator.locks.query().then(q => !q.held.length))")
        return page

    return make
