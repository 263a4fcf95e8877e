"""The OpenAPI document against the server: what it allows and what it forbids is sent, and every answer held to it."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest
import schemathesis
import served_api
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, ignored_auth, load_all_checks, not_a_server_error, positive_data_acceptance

from footfall.model.api_keys import make_key
from footfall.web.api.app import describe

DOCUMENT = describe().openapi()
PUBLISHED = Path(__file__).parents[2] / "docs" / "reference"

load_all_checks()
# What fits the document can still be refused: a zone nobody has, a job that was deleted. 503 says when to come back.
# Wrong keys are test_api_access's; here they would soon be answered 429.
EXCLUDED = [positive_data_acceptance, not_a_server_error, ignored_auth]

KEY = make_key("admin", lambda size: b"schemathesis".ljust(size, b"!"))
CONFIG = schemathesis.Config.from_dict({"headers": {"Authorization": f"Bearer {KEY}"}})
schema = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema")
    # Folders that jobs and checks are told are relative to where the server was started.
    with contextlib.chdir(folder), served_api.served(folder / "data", FOOTFALL_ADMIN_TOKEN=KEY) as api:
        yield api


def never_a_failure_of_the_server(context, response, case):
    waits = response.status_code == 503 and response.headers.get("retry-after")
    assert response.status_code < 500 or waits, f"{response.status_code}: {response.text}"


@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_server_does_what_its_document_says(api, case):
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{api.port}",
        additional_checks=[never_a_failure_of_the_server],
        excluded_checks=EXCLUDED,
    )


def test_the_published_document_is_current():
    sys.path.insert(0, str(PUBLISHED))
    try:
        from write_openapi import PAGE, text
    finally:
        sys.path.remove(str(PUBLISHED))
    assert PAGE.read_text("utf-8") == text(), "write it anew: python docs/reference/write_openapi.py"
    assert json.loads(text())["openapi"] == "3.1.0"
    assert len(CHECKS.get_all()) > 10
