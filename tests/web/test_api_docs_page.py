"""The page of the API in a real browser, under its own Content-Security-Policy."""

from __future__ import annotations

import chromium
import pytest
import served_api

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.PROGRAM is None, reason="no chromium is installed (Debian: apt-get install chromium)"),
]


def test_the_page_lists_every_route_and_asks_one_with_a_key_and_says_no_error(tmp_path):
    with served_api.served(tmp_path / "data") as api, chromium.page(tmp_path / "profile") as page:
        document = api.ask("GET", "/api/openapi.json").body
        routes = sum(len(operations) for operations in document["paths"].values())
        page.open(f"http://127.0.0.1:{api.port}/api/docs")
        page.wait(f"document.querySelectorAll('.opblock').length === {routes}")
        page.click("[id^=operations-deployment] .opblock-summary-control", "/api/deployment")
        page.click(".try-out__btn")
        page.click("button.execute")
        status = "document.querySelector('.live-responses-table tr.response .response-col_status')?.textContent"
        assert page.wait(status).startswith("401")
        assert [line for line in page.said if "401" not in line] == []

        page.click("button.authorize")
        page.type(".auth-container input", api.key("read", "looker"))
        page.click(".auth-btn-wrapper button", "Authorize")
        page.click(".auth-btn-wrapper button", "Close")
        page.said.clear()
        page.click("button.execute")
        page.wait(f"({status} ?? '').startsWith('200')")
        assert "looker" in page.run("document.querySelector('.live-responses-table').innerText")
        assert page.said == []
        mine = (f"http://127.0.0.1:{api.port}/", "data:")
        assert [url for url in page.asked if not url.startswith(mine)] == []
