"""The catalogue: every report as data.

Queries, headers, the reference page and the golden tests derive from it. Names, order and types of the columns
are those of the documents of Gainsight PX ("AWS S3 and Google Cloud Storage Integration"); where these contradict
themselves, ``docs/decisions/report-columns.md`` says what was chosen. A report has a query of its own only
where its meaning needs one; ten of them are plain counts of the same cube.
"""

from __future__ import annotations

from typing import Final

from footfall.model.account_reports import ACCOUNT_REPORTS, ACCOUNTS
from footfall.model.answer_reports import ANSWER_REPORTS, METADATA_REPORTS
from footfall.model.report import VERSIONS, Report
from footfall.model.user_reports import USER_REPORTS, USERS

__all__ = ["ACCOUNTS", "CATALOGUE", "USERS", "VERSIONS", "Report", "by_name", "catalogue"]

CATALOGUE: Final[tuple[Report, ...]] = (*ACCOUNT_REPORTS, *USER_REPORTS, *ANSWER_REPORTS, *METADATA_REPORTS)
_BY_NAME: Final = {r.name: r for r in CATALOGUE}


def catalogue(version: str) -> tuple[Report, ...]:
    """Every report of a version, in the order of the documents. Raises ``KeyError`` for a version that is not one."""
    if version not in VERSIONS:
        raise KeyError(f"version {version} is not one of {', '.join(VERSIONS)}")
    return tuple(r for r in CATALOGUE if version in r.versions)


def by_name(name: str) -> Report:
    """The report of that name, in any case and with or without the prefix of the file names; else ``KeyError``."""
    plain = name.removeprefix("GainsightPX_")
    found = _BY_NAME.get(plain) or next((r for r in CATALOGUE if r.name.lower() == plain.lower()), None)
    if found is None:
        raise KeyError(f"no report is called {name}; there are {', '.join(_BY_NAME)}")
    return found
