"""The catalogue says what the source documents say, and the page says what the catalogue says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from footfall.model.event import EventType
from footfall.model.reports import CATALOGUE, Report, by_name, catalogue

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
ADDED_BOTH = [
    "Account_Custom_Event_Rollups", "Account_Email_Engagement_Rollups", "Account_Event_Rollups",
    "Account_Feature_Match_Rollups", "Account_InApp_Event_Rollups",
]  # fmt: skip
ADDED_ENVIRONMENT = [
    "Feedback_Responses", "User_Custom_Event_Rollups", "User_Engagement_Rollups", "User_Event_Rollups",
    "User_Feature_Rollups",
]  # fmt: skip


def names(report: str, version: str) -> list[str]:
    return [f.name for f in by_name(report).columns(version)]


def test_there_are_22_reports_of_which_15_are_in_version_1() -> None:
    assert len(CATALOGUE) == len({r.name for r in CATALOGUE}) == 22
    assert [len(catalogue(v)) for v in ("1.0", "2.0")] == [15, 22]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("Account_Event_Rollups", "date accountId productKey environment type count"),
        ("Account_Feature_Match_Rollups",
         "date accountId productKey environment featureId count featureName featurePath"),
        ("Account_Hourly_Concurrent_Sessions_Rollups", "date hour accountId productKey environment count"),
        ("User_Event_Rollups", "date identifyId accountId productKey environment type count"),
        ("User_Custom_Event_Rollups", "date identifyId productKey accountId environment eventName count"),
        ("User_Email_Engagement_Rollups",
         "date identifyId accountId productKey environment engagementId engagementName type count"),
        ("User_Engagement_View_State_Rollups",
         "date identifyId productKey accountId environment engagementId engagementName viewState count "
         "farthestStepNumber locale triggerType engagementPath"),
        ("User_Engagement_Clicks",
         "date identifyId productKey accountId environment engagementId engagementName linkUrl sequenceNumber"),
        ("User_External_Article_View_Rollups",
         "date identifyId accountId productKey environment externalArticleId articleTitle articleUrl provider count"),
        ("Survey_Responses",
         "date identifyId productKey accountId engagementId score comment type contactMeAllowed environment labels "
         "path locale triggerType"),
        ("Multi_Question_Survey_Responses",
         "date engagementId productKey environment identifyId accountId questionType question score answer "
         "contactMeAllowed path globalContext locale triggerType"),
        ("Feedback_Responses", "date identifyId productKey accountId environment subject category description labels"),
        ("Features", "id name type parentFeatureId propertyKey status"),
    ],
)  # fmt: skip
def test_columns_of_version_2_stand_in_the_order_of_the_documents(report: str, expected: str) -> None:
    assert names(report, "2.0") == expected.split()


@pytest.mark.parametrize("report", ADDED_BOTH)
def test_version_2_adds_product_and_environment(report: str) -> None:
    assert [n for n in names(report, "2.0") if n not in ("productKey", "environment")] == names(report, "1.0")
    assert {"productKey", "environment"}.isdisjoint(names(report, "1.0"))


@pytest.mark.parametrize("report", ADDED_ENVIRONMENT)
def test_version_2_adds_the_environment(report: str) -> None:
    assert [n for n in names(report, "2.0") if n != "environment"] == names(report, "1.0")
    assert "environment" not in names(report, "1.0")


def test_version_1_of_survey_responses_has_no_environment_and_no_consent() -> None:
    both = {"environment", "contactMeAllowed"}
    assert [n for n in names("Survey_Responses", "2.0") if n not in both] == names("Survey_Responses", "1.0")


def test_other_reports_are_the_same_in_both_versions() -> None:
    changed = {*ADDED_BOTH, *ADDED_ENVIRONMENT, "Survey_Responses"}
    for report in catalogue("1.0"):
        assert (report.columns("1.0") != report.columns("2.0")) == (report.name in changed), report.name


def test_the_slip_of_the_pen_in_users_is_mended() -> None:
    users = names("Users", "2.0")
    assert "lastUserAgentData_platformVersion" in users
    assert "astUserAgentData_platformVersion" not in users
    assert users[0] == "aptrinsicId"
    assert users[-1] == "subscriptionId"
    assert len(users) == 72


def test_custom_attributes_stand_in_their_place_sorted_by_bytes() -> None:
    columns = by_name("Users").columns("2.0", [("éa", "STRING"), ("b", "NUMBER"), ("B", "BOOLEAN"), ("z", "DATE_TIME")])
    custom = [(c.name, c.type) for c in columns if c.source.startswith("custom.")]
    assert custom == [
        ("customAttribute_B", "Boolean"),
        ("customAttribute_b", "Number"),
        ("customAttribute_z", "String"),
        ("customAttribute_éa", "String"),
    ]
    assert columns[-1].name == "subscriptionId"


@pytest.mark.parametrize("name", ["Users", "users", "GainsightPX_Users"])
def test_a_report_is_found_by_any_spelling_of_its_name(name: str) -> None:
    assert by_name(name).name == "Users"


def test_an_unknown_report_or_version_is_named() -> None:
    with pytest.raises(KeyError, match="Users_and_more"):
        by_name("Users_and_more")
    with pytest.raises(KeyError, match=r"3\.0"):
        catalogue("3.0")
    with pytest.raises(KeyError, match=r"Multi_Question_Survey_Responses is not part of version 1\.0"):
        by_name("Multi_Question_Survey_Responses").columns("1.0")


def test_no_column_is_twice_in_a_report() -> None:
    for report in CATALOGUE:
        for version in report.versions:
            columns = [f.name for f in report.columns(version)]
            assert len(columns) == len(set(columns)), report.name


def test_the_four_event_words_are_those_of_the_documents() -> None:
    assert by_name("User_Event_Rollups").words == {
        EventType.FORM_SUBMIT: "FORM_SUBMIT",
        EventType.PAGE_VIEW: "PAGE_VIEW",
        EventType.SEGMENT_MATCH: "SEGMENT",
        EventType.SESSION_STARTED: "SESSION_INITIALIZED",
    }


def written_by() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reports", REFERENCE / "write_reports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_page_is_current() -> None:
    assert (REFERENCE / "reports.md").read_text("utf-8") == written_by().page(), "run docs/reference/write_reports.py"


def test_keys_are_the_columns_that_group() -> None:
    report: Report = by_name("User_Event_Rollups")
    assert [f.name for f in report.keys("1.0")] == ["date", "identifyId", "accountId", "productKey", "type"]
