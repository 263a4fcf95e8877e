"""A real browser, driven through two pipes by the DevTools protocol: JSON messages that end with a zero byte."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """A running browser. What its pages say comes through the same pipe and is given to each."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._rest, self._number = to, back, b"", 0
        self.pages: dict[str, Page] = {}

    def page(self) -> Page:
        """A new tab."""
        return Page(self)

    def ask(self, method: str, session: str = "", **parameters: Any) -> int:
        """Ask for something. Returns the number that the answer will have."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        os.write(self._to, json.dumps(asked | ({"sessionId": session} if session else {})).encode() + b"\0")
        return self._number

    def call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Ask for something and wait for the answer."""
        number = self.ask(method, session, **parameters)
        while True:
            message = self._read()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            page = self.pages.get(message.get("sessionId", ""))
            if page is not None and "method" in message:
                page.happened(message["method"], message.get("params", {}))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._back], [], [], 60)[0], "the browser does not answer"
            more = os.read(self._back, 1 << 20)
            assert more, "the browser ended"
            self._rest += more
        one, self._rest = self._rest.split(b"\0", 1)
        found: dict[str, Any] = json.loads(one)
        return found


class Page:
    """One tab. said: what it wrote to its console or was refused, errors and warnings only. asked: every address."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.said: list[str] = []
        self.asked: list[str] = []
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.pages[self._session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def before(self, script: str) -> None:
        """Run this in every page that is opened from now on, before anything of its own."""
        self._call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def headers(self, **headers: str) -> None:
        """Send these with every request. A ``_`` stands for ``-``."""
        self._call(
            "Network.setExtraHTTPHeaders", headers={name.replace("_", "-"): each for name, each in headers.items()}
        )

    def offline(self, off: bool) -> None:
        """Cut the line, or mend it."""
        self._call(
            "Network.emulateNetworkConditions", offline=off, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    def close(self) -> None:
        """Close the tab as a person does."""
        self._browser.call("Target.closeTarget", targetId=self.target)
        self._browser.pages.pop(self._session, None)

    def kill(self) -> None:
        """Let the tab's process die without a word."""
        self._browser.pages.pop(self._session, None)
        self._browser.ask("Page.crash", self._session)  # nobody is left to answer
        time.sleep(0.3)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = 60) -> Any:
        """The value of an expression as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < deadline, f"waited in vain for {script}; the page said {self.said}"
            time.sleep(0.1)
        return found

    def click(self, css: str, text: str = "") -> None:
        """Click the first of these elements whose text has ``text``."""
        found = (
            f"[...document.querySelectorAll({json.dumps(css)})].find(e => e.textContent.includes({json.dumps(text)}))"
        )
        self.wait(f"!!({found})")
        self.run(f"{found}.click()")

    def press(self, css: str) -> None:
        """Press and release the mouse over the middle of an element."""
        self.wait(f"!!document.querySelector({json.dumps(css)})")
        x, y = self.run(
            f"(() => {{ const r = document.querySelector({json.dumps(css)}).getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, css: str, text: str) -> None:
        """Type into the first of these elements, as a keyboard would."""
        self.wait(f"!!document.querySelector({json.dumps(css)})")
        self.run(f"document.querySelector({json.dumps(css)}).focus()")
        self._call("Input.insertText", text=text)

    def picture(self) -> str:
        """What is seen, a PNG in base64."""
        return str(self._call("Page.captureScreenshot")["data"])

    def _call(self, method: str, **parameters: Any) -> Any:
        return self._browser.call(method, self._session, **parameters)

    def happened(self, what: str, about: dict[str, Any]) -> None:
        """Take note of what the browser tells of this page."""
        if what == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])
        elif what == "Runtime.exceptionThrown":
            self.said.append(str(about["exceptionDetails"]))
        elif what == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.said.append(f"{about['type']}: {[each.get('value') for each in about['args']]}")
        elif what == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.said.append(f"{about['entry']['level']}: {about['entry']['text']} {about['entry'].get('url', '')}")


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A new browser, whose profile is in ``folder``."""
    assert PROGRAM is not None
    theirs, to = os.pipe()
    back, answers = os.pipe()

    def pipes() -> None:  # the protocol reads from 3 and writes to 4
        low, high = os.dup2(theirs, 10), os.dup2(answers, 11)
        os.dup2(low, 3)
        os.dup2(high, 4)

    process = subprocess.Popen(
        [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--window-size=1200,900",
         f"--user-data-dir={folder}", "--remote-debugging-pipe"],
        preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        os.close(theirs)
        os.close(answers)
        yield Browser(to, back)
    finally:
        process.kill()
        process.wait()
        os.close(to)
        os.close(back)


@contextmanager
def page(folder: Path) -> Iterator[Page]:
    """A page of a new browser, whose profile is in ``folder``."""
    with browser(folder) as one:
        yield one.page()
