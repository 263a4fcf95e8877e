"""How places are reached from which people are to be erased: buckets, codecs, and what can be made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.errors import Denied, FootfallError, Refused, Unavailable
from footfall.flows.erase_delivered import AnyManifest, Pieces, Way
from footfall.model.columns import CUSTOM_PREFIX
from footfall.model.hiding import COARSEN, DROP, KEEP
from footfall.model.key_templates import ROLLUPS
from footfall.model.manifest import ENCRYPTED, Columns, DataFile, Manifest
from footfall.model.reports import by_name
from footfall.model.window_manifest import JobManifest
from footfall.ports import TableFormat
from footfall.stores.retention import SqlRetention
from footfall.wiring.authorizations import bucket_at
from footfall.wiring.codecs import decoders, encoder, key_file, passphrase_given
from footfall.wiring.formats import format_named
from footfall.wiring.hiding import hiding_of
from footfall.wiring.profiles import attributes_of
from footfall.wiring.rollups import opened_day

if TYPE_CHECKING:
    from datetime import date

    from footfall.model.erasures import Target
    from footfall.model.jobs import Job
    from footfall.ports import Bucket, Codec, OpenDay
    from footfall.wiring.hub import Footfall


@dataclass(frozen=True, slots=True)
class Reach:
    """What whoever asks for an erasure adds to what jobs know.

    authorizations: names, for places that no job delivers to any more. own_shell: see ``bucket_at``; then the machine's
    own access is tried too. pgp_private_key, pgp_keys: files, to read what is encrypted and to encrypt it again.
    """

    authorizations: tuple[str, ...] = ()
    own_shell: bool = False
    pgp_private_key: Path | None = None
    pgp_keys: tuple[Path, ...] = ()


class Places:
    """The ways to everything that was delivered. Close it: it keeps a day open."""

    def __init__(self, hub: Footfall, reach: Reach) -> None:
        self._hub = hub
        self._reach = reach
        private = None if reach.pgp_private_key is None else key_file(reach.pgp_private_key)
        self._decoders = decoders(private, passphrase_given() if private else None)
        self._buckets: dict[str, tuple[Bucket, Sequence[str]]] = {}
        self._jobs_at: dict[str, tuple[str, ...]] = {}  # as exports are called whose hashes have a key of their own
        self._opened: tuple[object, OpenDay] | None = None
        defined = attributes_of(hub).all("user")
        self._identifiers = [CUSTOM_PREFIX + each.api_name for each in defined if each.is_identifier]

    def close(self) -> None:
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None

    def way(self, target: Target) -> Way:
        """Raises ``Refused`` for a place that nobody has access to, and what the way to one raises that may pass."""
        if target.place not in self._buckets:
            self._buckets[target.place] = self._find(target.place)
        bucket, names = self._buckets[target.place]

        def encode(codec: str) -> Codec | None:
            if not codec.endswith(ENCRYPTED):
                return self._decoders.get(codec)
            keys = [key_file(path) for path in self._reach.pgp_keys] or self._public_key(names)
            return encoder(codec.removesuffix(ENCRYPTED), keys, at=self._hub.clock()) if keys else None

        jobs = self._jobs_at.get(target.place, ())

        def remade(manifest: AnyManifest, file: DataFile) -> tuple[Columns, Pieces] | None:
            return self._remade(manifest, file, jobs)

        def hidden(manifest: AnyManifest, column: str, texts: frozenset[str]) -> frozenset[str]:
            return self._hidden(manifest, column, texts, jobs)

        return Way(bucket, self._decoders, encode, _table, remade, hidden, self._identifiers)

    # --- buckets ---------------------------------------------------------------------------------

    def _public_key(self, names: Sequence[str]) -> list[bytes]:
        """The key that the first of these authorizations which has one encrypts to."""
        for name in names:
            if self._hub.authorizations.get(name).pgp == "encrypt":
                return [self._hub.authorizations.secrets(name)["pgp_public_key"].encode()]
        return []

    def _find(self, place: str) -> tuple[Bucket, Sequence[str]]:
        """The bucket of an address as the ledger has it, and the authorizations that open it."""
        url, _, server = place.partition("?server=")
        found: list[tuple[Bucket, str]] = []
        waiting: list[FootfallError] = []
        for job in self._hub.jobs.all():
            try:
                bucket = self._of_job(job)
            except FootfallError as error:
                may_pass = isinstance(error, Unavailable) or (isinstance(error, Denied) and error.passes)
                waiting += [error] if may_pass and job.url.rstrip("/") == url.rstrip("/") else []
                continue
            if bucket is not None and bucket.url == place:
                found.append((bucket, job.authorization))
                self._jobs_at[place] = (*self._jobs_at.get(place, ()), f"job {job.name}")
        for name in self._reach.authorizations:
            with suppress(FootfallError):
                bucket = bucket_at(self._hub, url, name, server or None)
                if bucket.url == place:
                    found.append((bucket, name))
        if found:
            return found[0][0], [name for _, name in found if name]
        if waiting:
            raise waiting[0]
        if "://" not in url:
            return bucket_at(self._hub, url, None), ()
        if not self._reach.own_shell:
            what = "no job delivers there any more, so nobody knows how to get in"
            raise Refused(what, "Name the authorization with --authorization")
        return bucket_at(self._hub, url, None, server or None, own_shell=True), ()

    def _of_job(self, job: Job) -> Bucket | None:
        if job.kind in ("import", "people_import"):
            return None
        endpoint_url = job.options.get("endpoint_url") or None
        return bucket_at(self._hub, job.url, job.authorization or None, endpoint_url)

    # --- made again ------------------------------------------------------------------------------

    def _hidden(self, manifest: AnyManifest, column: str, texts: frozenset[str], jobs: Sequence[str]) -> frozenset[str]:
        """What stands for these texts in a column, under the key of whichever export it may have been."""
        exports = (f"job {manifest.job}",) if isinstance(manifest, JobManifest) else (*jobs, ROLLUPS)
        found: set[str] = set()
        for export in exports:
            hiding = hiding_of(self._hub, dict(manifest.privacy), export)
            action = KEEP if hiding is None else hiding.action(column)
            # Of what was made coarse nobody can tell whose it is.
            if hiding is not None and action not in (DROP, COARSEN):
                found |= {shown for text in texts if (shown := hiding.text(action, text)) is not None}
        return frozenset(found)

    def _remade(self, manifest: AnyManifest, file: DataFile, jobs: Sequence[str]) -> tuple[Columns, Pieces] | None:
        """A report of a day from the lake, which these people are not in any more; not of a day whose events are gone
        because their time was over."""
        if not isinstance(manifest, Manifest) or manifest.day in SqlRetention(self._hub.database).removed():
            return None
        report, form = by_name(manifest.report), format_named(manifest.format)
        opened = self._day(manifest.day, manifest.privacy, jobs[0] if jobs else ROLLUPS)
        sources = [(report.divider(name, manifest.version), text) for name, text in file.part]
        part = tuple((source, text) for source, text in sources if source)
        columns = opened.columns(report, manifest.version)

        def pieces() -> Iterator[tuple[int, bytes]]:
            if isinstance(form, TableFormat):
                about = {"report": report.name, "version": manifest.version, "day": manifest.day.isoformat()}
                yield from form.file(columns, opened.values(report, manifest.version, part), about)
                return
            yield 0, form.head(form.columns(columns), report.name, manifest.version, manifest.day)
            for rows, text in opened.render(report, manifest.version, form, part):
                yield rows, bytes(text)
            yield 0, form.foot()

        told = tuple((column.name, column.type) for column in form.columns(columns))
        return told, pieces()

    def _day(self, day: date, privacy: tuple[tuple[str, str], ...], export: str) -> OpenDay:
        if self._opened is None or self._opened[0] != (day, privacy, export):
            self.close()
            self._opened = (
                (day, privacy, export),
                opened_day(self._hub, day, hiding_of(self._hub, dict(privacy), export)),
            )
        return self._opened[1]


def _table(chunks: Iterable[bytes], columns: Columns, named: Mapping[str, frozenset[str]]) -> tuple[Pieces, int]:
    # Imported only here: it takes longer than all else that a command needs.
    from footfall.formats.parquet_rows import without_rows

    return without_rows(chunks, columns, named)
