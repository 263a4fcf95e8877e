"""Deliver an audience: whom the definition takes, as of a day, in one file or, as Multi-CSV, several; then a manifest.

Choosing comes first and is written down as a draft, so that a run which broke off anywhere delivers the same bytes when
it is run again, whatever was learned about users meanwhile. What the next run is compared with is written last, when
everything lies where it belongs. Source: Lytics, "Export Audiences" to S3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Final

from footfall.errors import Conflict, Damaged, Refused
from footfall.model.audience_export import FULL, PARQUET, TEMPLATE, AudienceExport
from footfall.model.files import MANIFEST_SUFFIX
from footfall.model.key_templates import Facts, KeyTemplate
from footfall.model.manifest import Columns, DataFile
from footfall.model.names import NameTemplate
from footfall.model.passing import Text, first_free, mark_of
from footfall.model.window_manifest import AUDIENCE, JobManifest, read_manifest
from footfall.ports import (
    AudienceEngine,
    AudienceInput,
    AudiencePart,
    AudienceStates,
    Bucket,
    Codec,
    Format,
    OpenAudience,
    Progress,
)

_HINT: Final = "Export at another instant, or deliver to another folder"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how an audience is delivered.

    format: of text; None for Parquet, which ``codec`` should leave as it is: it is compressed already.
    names: how files are called; beyond that, a list or map of Multi-CSV has its field's name at the end.
    key: where data files lie and how they are called, if not so. writer: who writes, for the manifest.
    """

    bucket: Bucket
    format: Format | None
    codec: Codec
    writer: str
    names: NameTemplate = field(default_factory=lambda: NameTemplate(TEMPLATE))
    key: KeyTemplate | None = None

    @property
    def extension(self) -> str:
        return PARQUET if self.format is None else self.format.name


@dataclass(frozen=True, slots=True)
class Instant:
    """When: ``at`` names the files, UTC; users are as of the end of the local ``day``, or as of now while it lasts."""

    at: datetime
    day: date
    time_zone: str


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One file of an audience. key, size_bytes: as stored."""

    key: str
    rows: int
    size_bytes: int
    manifest_key: str


def export_audience(
    export: AudienceExport,
    when: Instant,
    given: AudienceInput,
    to: Destination,
    *,
    engine: AudienceEngine,
    states: AudienceStates,
    progress: Progress | None = None,
) -> Iterator[DeliveredFile]:
    """Yield each file of the audience, all of them when the manifest and what the next run needs are written.

    An audience of nobody gives files with a header only, and a manifest with 0 rows.

    Raises ``Refused`` for a difference to a run that is later than ``when.at``, ``Conflict`` when a name is taken by
    other bytes, and whatever the bucket raises. Then nothing counts as delivered, and running again is the way.
    """
    if export.mode != FULL and states.later(export.job, when.at):
        raise Refused(
            f"a run of '{export.job}' that is later than {when.at:%Y-%m-%d %H:%M:%S} UTC was delivered already",
            "Differences are to the run before: export in mode full, or under another job name",
        )
    draft = states.draft(export, when.at)
    if not draft.exists():
        engine.draft(export, given, states.before(export.job, when.at), draft)
    with engine.open(export, draft) as opened:
        run = _Run(export, when, to, opened, progress)
        files = run.deliver()
    states.settled(export, when.at, lambda path: engine.state(draft, path))
    folder = run.folder
    for file in files:
        yield DeliveredFile(folder + file.name, file.rows, file.size_bytes, run.manifest_key)


@dataclass(slots=True)
class _Run:
    """One run: its files and its manifest."""

    export: AudienceExport
    when: Instant
    to: Destination
    opened: OpenAudience
    progress: Progress | None

    @property
    def folder(self) -> str:
        return ""

    @property
    def stem(self) -> str:
        """The key of a data file below the folder, without marks and extension."""
        usual, template, when = self.to.names.stem(self.when.at), self.to.key, self.when
        if template is None:
            return usual
        said = {"report": AUDIENCE, "job": self.export.job, "zone": when.time_zone, "format": self.to.extension}
        return template.stem(Facts(said, datetime.combine(when.day, time()), when.at), {}, usual)

    @property
    def manifest_key(self) -> str:
        """It has its usual name, wherever the data files are."""
        return f"{self.folder}{self.to.names.stem(self.when.at)}.{self.to.extension}{MANIFEST_SUFFIX}"

    def name(self, part: AudiencePart, attempt: int = 1) -> str:
        """Without the codec's extension. Fields may be called what no file can."""
        of = f"-{_file_word(part.name)}" if part.name else ""
        return f"{self.stem}{of}{mark_of(attempt)}.{self.to.extension}"

    def deliver(self) -> tuple[DataFile, ...]:
        """Write the files and then the manifest, or find those that are delivered already."""
        parts = self.opened.parts()
        if self.to.codec.repeatable:
            return self._put_manifest(tuple(self._put(part, 1) for part in parts))
        found = self._manifest_there()
        if found is not None:
            return self._delivered_before(found)
        return self._put_manifest(tuple(self._put_apart(part) for part in parts))

    # --- files -----------------------------------------------------------------------------------

    def _put_apart(self, part: AudiencePart) -> DataFile:
        """Write a file that is encrypted; see ``first_free``."""

        def taken(attempt: int) -> bool:
            return self._is_there(self.name(part, attempt) + self.to.codec.extension) is True

        return first_free(taken, lambda attempt: self._put(part, attempt))

    def _put(self, part: AudiencePart, attempt: int) -> DataFile:
        name, codec, text = self.name(part, attempt), self.to.codec, self._text(part)
        stored_as = name + codec.extension
        stored = self.to.bucket.put(
            self.folder + stored_as, codec.encode(text, name=name.rpartition("/")[2]), content_type=codec.content_type
        )
        return text.file(stored_as, codec.name, stored.size_bytes, stored.sha256)

    def _delivered_before(self, found: JobManifest) -> tuple[DataFile, ...]:
        """The files that a manifest which is there names, if it describes the text of this run and they are there."""
        parts, url = self.opened.parts(), self.to.bucket.url
        if len(found.files) == len(parts):
            ours = tuple(self._again(part, file) for part, file in zip(parts, found.files, strict=True))
            if self._manifest(ours).same_delivery(found):
                for file in ours:
                    if self._is_there(file.name) is False:
                        what = f"{url}/{self.folder}{file.name} is gone, though its manifest is there"
                        raise Conflict(what, "Encrypted bytes cannot be made again; deliver under another name")
                return ours
        raise Conflict(f"{url}/{self.manifest_key} is already there and describes something else", _HINT)

    def _again(self, part: AudiencePart, file: DataFile) -> DataFile:
        text = self._text(part)
        for _ in text:
            pass
        return text.file(file.name, self.to.codec.name, file.size_bytes, file.sha256)

    def _is_there(self, name: str) -> bool | None:
        """None where that may not be asked."""
        try:
            self.to.bucket.stat(self.folder + name)
        except KeyError:
            return False
        except Refused:
            return None
        return True

    def _text(self, part: AudiencePart) -> Text:
        name = self.name(part)
        return Text(self._pieces(part), lambda rows: self._say(name, rows))

    def _pieces(self, part: AudiencePart) -> Iterator[tuple[int, memoryview | bytes]]:
        form = self.to.format
        if form is None:
            yield from self.opened.parquet()
            return
        if self.export.header:
            yield 0, form.head(part.columns, "", "", self.when.day)
        yield from self.opened.render(part, form)
        yield 0, form.foot()

    def _say(self, name: str, rows: int) -> None:
        if self.progress is not None:
            self.progress(name, rows, None, "users")

    # --- the manifest ----------------------------------------------------------------------------

    def _put_manifest(self, files: tuple[DataFile, ...]) -> tuple[DataFile, ...]:
        """Write the manifest and return the files it names. One that is there and describes the same stays."""
        manifest = self._manifest(files)
        same = manifest.same_delivery if self.to.codec.repeatable else manifest.same_text
        try:
            self.to.bucket.put(self.manifest_key, [manifest.to_json()], content_type="application/json")
        except Conflict:
            found = self._manifest_there()
            if found is None or not same(found):
                raise
            return found.files
        return files

    def _manifest_there(self) -> JobManifest | None:
        try:
            found, _ = read_manifest(self.to.bucket.open(self.manifest_key))
        except (KeyError, Refused, Damaged):
            return None
        return found if isinstance(found, JobManifest) else None

    def _manifest(self, files: tuple[DataFile, ...]) -> JobManifest:
        parts = self.opened.parts()
        own: dict[str, Columns] = {
            file.name: tuple((column.name, column.type) for column in part.columns)
            for part, file in zip(parts, files, strict=True)
            if part.name
        }
        return JobManifest(
            kind=AUDIENCE,
            job=self.export.job,
            format=self.to.extension,
            codec=self.to.codec.name,
            at=self.when.at,
            columns=tuple((column.name, column.type) for column in parts[0].columns),
            files=files,
            writer=self.to.writer,
            header=self.export.header,
            options=self._options(),
            columns_of_files=own,
            key="" if self.to.key is None else str(self.to.key),
            privacy=tuple(self.export.privacy.items()),
        )

    def _options(self) -> dict[str, str]:
        """What was asked for and what was found, as texts; what is no text as JSON."""
        asked = self.export.describe()
        counts = self.opened.counts()
        found = {
            "day": self.when.day.isoformat(),
            "time_zone": self.when.time_zone,
            "matched": self.opened.matched,
            "users": counts["added"] + counts["changed"] + counts["unchanged"],
            **({} if self.export.mode == FULL else counts),
        }
        both = {**{name: value for name, value in asked.items() if value is not None and name != "job"}, **found}
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in both.items()
        }


def _file_word(name: str) -> str:
    """A field's name as part of a file's name: what not every place takes is its code in UTF-8, ``_C3_A9``."""
    return re.sub("[^A-Za-z0-9.-]", lambda found: "".join(f"_{byte:02X}" for byte in found[0].encode()), name)
