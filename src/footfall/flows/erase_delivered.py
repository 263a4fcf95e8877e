"""Take people out of what was delivered: the files that hold them written anew under a new manifest, the old ones gone.

In two steps, each of which may be repeated. ``rewrite`` writes new files beside the old ones, then the manifest that
supersedes theirs; ``remove`` takes the old ones away, data first and manifests last, with every older version. A reader
meanwhile finds a whole delivery, at first the old one, then the new one.

A file that can be read is written anew without the rows of these people: every other byte of its text stays. One that
is encrypted, to whose key we have no other half, is made again from what it was made of, where that is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from footfall.errors import Conflict, Damaged, Denied, Refused
from footfall.model.erasures import Outcome, Rewritten, Subjects, Target
from footfall.model.files import revised
from footfall.model.manifest import Columns, DataFile, Manifest, Superseded
from footfall.model.passing import Text, first_free
from footfall.model.sieving import Sieve
from footfall.model.user_fields import JOIN_KEY
from footfall.model.window_manifest import JobManifest, read_manifest
from footfall.ports import Bucket, Codec, Purger

MANIFEST_TYPE: Final = "application/json"
AnyManifest = Manifest | JobManifest
# (rows, text) of a file.
Pieces = Iterator[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Way:
    """How deliveries at one place are read and written.

    decoders: by the names of manifests. encoder: the codec of that name to write with; None if there is none.
    table: the rows of a Parquet file that stay: (chunks, columns, what names people) in, (pieces, rows that go) out.
    remade: the columns and text of a file made again from its source, None where that is not possible.
    hidden: how texts stand in columns that were hidden: (manifest, column, texts) in, no text where nobody can tell.
    identifiers: columns of custom attributes that tell who it is.
    """

    bucket: Bucket
    decoders: Mapping[str, Codec]
    encoder: Callable[[str], Codec | None]
    table: Callable[[Iterable[bytes], Columns, Mapping[str, frozenset[str]]], tuple[Pieces, int]]
    remade: Callable[[AnyManifest, DataFile], tuple[Columns, Pieces] | None]
    hidden: Callable[[AnyManifest, str, frozenset[str]], frozenset[str]]
    identifiers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What ``rewrite`` did. outcome: as far as it is known. manifest: the new one; None when nothing was to be done."""

    outcome: Outcome
    manifest: AnyManifest | None = None


def rewrite(target: Target, subjects: Subjects, way: Way) -> Written:
    """Write the newest manifest of the target and its files anew, if it or an older one holds any of these people.

    Raises what the bucket raises, except what says that the bucket may not be read, which the outcome names; a session
    that is over says nothing of that.
    """
    try:
        return _Rewriting(target, subjects, way).rewrite()
    except Refused as refused:
        if isinstance(refused, Denied) and refused.passes:
            raise
        return Written(Outcome(untouched=((target.manifest_key, f"{refused.what}. {refused.hint}".strip(". ")),)))
    except (Damaged, Conflict) as error:
        return Written(Outcome(untouched=((target.manifest_key, str(error)),)))


def remove(outcome: Outcome, bucket: Bucket) -> Outcome:
    """Take away what ``rewrite`` left behind. A manifest stays while a file that it names does."""
    removed, counts = 0, dict[str, int]()
    untouched = list(outcome.untouched)
    for key in outcome.stale:
        is_kept = bool(untouched) and key.endswith(".manifest.json")
        why = "it describes files that could not be removed" if is_kept else ""
        if not is_kept:
            try:
                count, why = _purge(bucket, key)
            except Refused as refused:
                if isinstance(refused, Denied) and refused.passes:
                    raise
                count, why = 0, f"{refused.what}. {refused.hint}".strip(". ")
            removed += count
            counts[key] = count
        if why:
            untouched.append((key, why))
    files = tuple(replace(each, versions=counts.get(each.file, each.versions)) for each in outcome.rewritten)
    return replace(outcome, rewritten=files, removed=outcome.removed + removed, untouched=tuple(untouched), stale=())


def _purge(bucket: Bucket, key: str) -> tuple[int, str]:
    if isinstance(bucket, Purger):
        purged = bucket.purge(key)
        return purged.removed, purged.why
    try:
        bucket.stat(key)
    except KeyError:
        return 0, ""
    bucket.delete(key)
    return 1, ""


class _Rewriting:
    def __init__(self, target: Target, subjects: Subjects, way: Way) -> None:
        self._target = target
        self._subjects = subjects
        self._way = way
        self._folder = target.manifest_key[: target.manifest_key.rfind("/") + 1]
        self._read = 0
        self._columns: Columns = ()  # of what was made again
        self._joined: dict[str, frozenset[str]] = {}  # by digest of a file: the join keys of their rows

    def rewrite(self) -> Written:
        target = self._target
        found = self._manifest(target.manifest_key)
        if found is None:
            return Written(Outcome(untouched=((target.manifest_key, "its manifest is not there"),)))
        manifest, sha256 = found
        older = [each for key in target.older if (each := self._manifest(key)) is not None]
        held = [self._holds(manifest, file) for file in manifest.files]
        if not any(held) and not any(self._holds(each, file) for each, _ in older for file in each.files):
            return Written(Outcome(files_read=self._read))
        new_key = revised(target.manifest_key, target.revision)
        made = self._manifest(new_key)
        if made is None:
            files = tuple(
                self._anew(manifest, file) if is_held else file
                for file, is_held in zip(manifest.files, held, strict=True)
            )
            superseded = Superseded(target.manifest_key.rpartition("/")[2], sha256)
            new = _with(
                replace(manifest, columns=self._columns or manifest.columns), files, superseded, target.revision
            )
            made = new, self._put(new_key, new)
        return self._written(manifest, made, new_key, [each for each, _ in older])

    def _written(
        self, before: AnyManifest, made: tuple[AnyManifest, str], new_key: str, older: Sequence[AnyManifest]
    ) -> Written:
        manifest, sha256 = made
        kept = {self._folder + file.name for file in manifest.files}
        files = tuple(
            Rewritten(self._folder + old.name, self._folder + new.name, old.rows - new.rows, old.sha256, new.sha256)
            for old, new in zip(before.files, manifest.files, strict=True)
            if old.name != new.name
        )
        named = dict.fromkeys(self._folder + file.name for each in (before, *older) for file in each.files)
        stale = (*(key for key in named if key not in kept), self._target.manifest_key, *self._target.older)
        outcome = Outcome(new_key, sha256, files_read=self._read, rewritten=files, stale=stale)
        return Written(outcome, manifest)

    def _manifest(self, key: str) -> tuple[AnyManifest, str] | None:
        try:
            return read_manifest(self._way.bucket.open(key))
        except KeyError:
            return None

    # --- one file --------------------------------------------------------------------------------

    def _holds(self, manifest: AnyManifest, file: DataFile) -> bool:
        """Whether it has a row of these people; of one that cannot be read it is taken to."""
        decoder = self._way.decoders.get(manifest.codec)
        columns = _columns(manifest, file)
        named = self._named(manifest, columns)
        if not file.rows:
            return False
        if decoder is None or (not named and isinstance(manifest, Manifest)):
            return True
        if not named:
            raise Refused("no column of it says who a row is about", "Take those rows away by hand")
        self._read += 1
        text = decoder.decode(self._chunks(file))
        if self._is_main(manifest, columns):
            sieve = self._sieve(manifest, columns)
            for _ in sieve.pieces(text):
                pass
            self._joined[file.sha256] = frozenset(sieve.joined)
            return sieve.removed > 0
        if manifest.format == "parquet":
            return self._way.table(text, columns, named)[1] > 0
        return self._sieve(manifest, columns).holds(text)

    def _anew(self, manifest: AnyManifest, file: DataFile) -> DataFile:
        """Write the file without these people under the name of its new revision."""
        encoder = self._way.encoder(manifest.codec)
        if encoder is None:
            raise Refused("the public key that it was encrypted to is not known here", "Name it with --pgp-key")
        bare = file.name.removesuffix(encoder.extension)

        def put(attempt: int) -> DataFile:
            name = revised(bare, self._target.revision)
            if attempt > 1:
                stem, _, ending = name.rpartition(".")
                name = f"{stem}_a{attempt}.{ending}"
            text = Text(self._pieces(manifest, file), lambda rows: None)
            chunks = encoder.encode(text, name=name.rpartition("/")[2])
            stored_as = name + encoder.extension
            stored = self._way.bucket.put(self._folder + stored_as, chunks, content_type=encoder.content_type)
            told = text.file(stored_as, encoder.name, stored.size_bytes, stored.sha256)
            return replace(told, part=file.part)

        return put(1) if encoder.repeatable else first_free(lambda attempt: False, put)

    def _pieces(self, manifest: AnyManifest, file: DataFile) -> Pieces:
        decoder, columns = self._way.decoders.get(manifest.codec), _columns(manifest, file)
        named = self._named(manifest, columns)
        if decoder is None or not named:
            made = self._way.remade(manifest, file)
            if made is None:
                why = "it is encrypted" if decoder is None else "no column of it says who a row is about"
                what = f"{why}, and it cannot be made again from what is here"
                raise Refused(what, "Give the private key with --pgp-private-key, or take it away by hand")
            self._columns, pieces = made
            return pieces
        text = decoder.decode(self._chunks(file))
        if manifest.format == "parquet":
            return self._way.table(text, columns, named)[0]
        return self._sieve(manifest, columns).pieces(text)

    def _chunks(self, file: DataFile) -> Iterator[bytes]:
        try:
            return self._way.bucket.open(self._folder + file.name)
        except KeyError as gone:
            raise Conflict(f"{file.name} is not there, though its manifest is", "See `footfall verify`") from gone

    def _sieve(self, manifest: AnyManifest, columns: Columns) -> Sieve:
        names = [name for name, _ in columns]
        header = manifest.header if isinstance(manifest, JobManifest) else True
        return Sieve(manifest.format, names, self._named(manifest, columns), header=header)

    def _named(self, manifest: AnyManifest, columns: Columns) -> dict[str, frozenset[str]]:
        # What has no columns of its own is of JSON, where every row may have others.
        names = [name for name, _ in columns] or ["actorId", "identifyId"]
        named = self._subjects.named_by(names, self._way.identifiers)
        if manifest.privacy:
            told = {name: self._way.hidden(manifest, name, texts) for name, texts in named.items()}
            named = {name: texts for name, texts in told.items() if texts}
        joined = frozenset[str]().union(*self._joined.values())
        return {**named, JOIN_KEY: joined} if JOIN_KEY in names and self._joined else named

    def _is_main(self, manifest: AnyManifest, columns: Columns) -> bool:
        """Whether other files name their rows by the join keys of this one, which is the first."""
        names = [name for name, _ in columns]
        return manifest.format == "csv" and JOIN_KEY in names and len(self._subjects.named_by(names)) > 0

    def _put(self, key: str, manifest: AnyManifest) -> str:
        stored = self._way.bucket.put(key, [manifest.to_json()], content_type=MANIFEST_TYPE)
        return stored.sha256


def _columns(manifest: AnyManifest, file: DataFile) -> Columns:
    return manifest.columns_of(file) if isinstance(manifest, JobManifest) else manifest.columns


def _with(manifest: AnyManifest, files: tuple[DataFile, ...], superseded: Superseded, revision: int) -> AnyManifest:
    """The same delivery with other files."""
    if isinstance(manifest, Manifest):
        return replace(manifest, files=files, supersedes=superseded, withdrawn=True, revision=revision)
    renamed = {old.name: new.name for old, new in zip(manifest.files, files, strict=True)}
    own = {renamed[name]: columns for name, columns in manifest.columns_of_files.items()}
    return replace(manifest, files=files, supersedes=superseded, withdrawn=True, columns_of_files=own)
