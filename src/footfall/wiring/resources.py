"""What each kind of resource of ``footfall.yaml`` is in the store, how it is changed, and what it has to fit there.

A new kind is one row in ``kinds`` and one in ``config.resources.KINDS``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from footfall.config.definition_file import DefinitionFile, metadata_of
from footfall.config.job_definitions import job_of, plain_of
from footfall.config.job_options import fitted
from footfall.config.resources import BY_NAME
from footfall.errors import FootfallError, Refused
from footfall.flows.apply_definitions import Kind
from footfall.model import authorizations, definitions, metadata
from footfall.model.authorizations import Authorization, check_place
from footfall.model.jobs import Job
from footfall.model.metadata import BadDefinition, identity
from footfall.model.plans import Change, Plain
from footfall.model.tag import read_tag
from footfall.ports import Source
from footfall.wiring.attribute_resources import current_attributes, put_attribute, wanted_attributes
from footfall.wiring.audience_resources import current_audiences, put_audiences, wanted_audiences
from footfall.wiring.authorizations import add_authorization, change_authorization
from footfall.wiring.jobs import add_job, change_job, check_options, resume_job
from footfall.wiring.keys import create_key
from footfall.wiring.privacy_resources import current_policies, put_privacy, wanted_policies
from footfall.wiring.surroundings import Surroundings
from footfall.wiring.telling_resources import (
    channels_there,
    check_email,
    check_status,
    put_telling,
    rules_there,
    wanted_channels,
    wanted_rules,
)

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall

_SOURCE: Final = BY_NAME["sources"]
_AUTHORIZATION: Final = BY_NAME["authorizations"]
_JOB: Final = BY_NAME["jobs"]
_SETTINGS: Final = tuple(each.name for each in _AUTHORIZATION.record.fields if each.name != "secrets")
_TOLD: Final[Mapping[str, str]] = {}


def kinds(hub: Footfall, around: Surroundings) -> tuple[Kind, ...]:
    """Every kind of resource, in the order in which they are made: what others name comes first."""
    telling = partial(put_telling, hub, around)
    return (
        *(
            Kind(kind, partial(_names, hub, kind), partial(_define, hub), prunable=False, together="names")
            for kind in metadata.KINDS
        ),
        Kind("sources", partial(_sources, hub), partial(_put_source, hub)),
        Kind("privacy", partial(current_policies, hub), partial(put_privacy, hub), together="privacy"),
        Kind("attributes", partial(current_attributes, hub), partial(put_attribute, hub)),
        Kind("audiences", partial(current_audiences, hub), partial(put_audiences, hub), together="audiences"),
        Kind(
            "authorizations",
            partial(_authorizations, hub, around),
            partial(_put_authorization, hub, around),
            _AUTHORIZATION.kept,
        ),
        Kind("channels", partial(channels_there, hub, around), telling, ("secrets",), together="telling"),
        Kind("rules", partial(rules_there, hub), telling, together="telling"),
        Kind("jobs", partial(_jobs, hub), partial(_put_job, hub), _JOB.kept),
    )


def usual_of(plain: Plain) -> Plain:
    """Without what need not be written: a job that is not paused."""
    return {name: value for name, value in plain.items() if not (name == "paused" and value is False)}


def wanted_of(hub: Footfall, found: DefinitionFile, around: Surroundings) -> dict[str, dict[str, Plain]]:
    """The resources of a file as the store would have them, by kind and name, of the kinds that it lists.

    What does not fit the store is added to the file's faults; such a resource is left out.
    """
    wanted: dict[str, dict[str, Plain]] = {}
    names = metadata_of(found)
    for kind in metadata.KINDS:
        wanted[kind] = {identity(item): definitions.plain_item(item) for item in getattr(names, kind)}
    _check_tree(hub, found)
    wanted["sources"] = {name: _source_plain(each.plain) for name, each in found.of("sources").items()}
    wanted["privacy"] = wanted_policies(hub, found)
    wanted["attributes"] = wanted_attributes(found)
    wanted["audiences"] = wanted_audiences(hub, found)
    wanted["authorizations"] = {
        name: around.placed(_settings_of(each.plain), "ca_bundle") for name, each in found.of("authorizations").items()
    }
    for name, plain in wanted["authorizations"].items():
        _check_authorization(hub, found, around, name, plain)
    wanted["channels"] = wanted_channels(hub, found, around)
    wanted["rules"] = wanted_rules(hub, found)
    wanted["jobs"] = {}
    for name, resource in found.of("jobs").items():
        try:
            job = job_of(around.placed(resource.plain, "to"), hub.zone, hub.clock())
            _check_job(hub, found, job)
        except FootfallError as error:
            found.blame("jobs", name, error)
            continue
        state = {"paused": resource.plain["paused"]} if "paused" in resource.plain else {}
        wanted["jobs"][name] = _job_plain(job, hub) | state
    return {kind: wanted[kind] for kind in found.kinds}


# --- products, environments, features, engagements, surveys, articles ----------------------------


def _names(hub: Footfall, kind: str, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    return {identity(item): definitions.plain_item(item) for item in getattr(hub.catalogue.read(), kind)}


def _define(hub: Footfall, changes: Sequence[Change]) -> Mapping[str, str]:
    plain: dict[str, list[Plain]] = {}
    for change in changes:
        if change.after is not None:
            plain.setdefault(change.kind, []).append(change.after)
    hub.catalogue.write(definitions.read(plain), hub.clock())
    return _TOLD


def _check_tree(hub: Footfall, found: DefinitionFile) -> None:
    """The features of the file among those that are there."""
    whole = hub.catalogue.read().merged(metadata_of(found))
    try:
        metadata.check(whole)
    except BadDefinition as error:
        kind, index, *below = error.place
        name = identity(getattr(whole, str(kind))[int(index)])
        if (str(kind), name) not in found.resources:  # of those that are there, one that the file moved others from
            raise
        found.blame(str(kind), name, error, tuple(below))


# --- sources -------------------------------------------------------------------------------------


def _sources(hub: Footfall, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    def plain(source: Source) -> Plain:
        return _source_plain({each.name: getattr(source, each.name) for each in _SOURCE.record.fields})

    return {source.name: plain(source) for source in hub.sources.all() if source.revoked_at is None}


def _source_plain(plain: Plain) -> Plain:
    tag = read_tag(plain.get("tag") or {})
    told = _without_usual(_SOURCE, {name: value for name, value in plain.items() if name != "tag"})
    return {**told, "tag": tag} if tag else told


def _put_source(hub: Footfall, changes: Sequence[Change]) -> Mapping[str, str]:
    (change,) = changes
    if change.after is None:
        hub.sources.revoke(change.name, hub.clock())
        return _TOLD
    usual = {each.name: each.default for each in _SOURCE.record.fields if each.default is not None}
    values = {name: str(change.after.get(name, default)) for name, default in usual.items()}
    tag = change.after.get("tag", {})
    if change.before is None:
        return {change.name: create_key(hub, change.name, **values, tag=tag)}
    hub.sources.change(change.name, **values, tag=tag)
    return _TOLD


# --- authorizations ------------------------------------------------------------------------------


def _authorizations(hub: Footfall, around: Surroundings, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    there: dict[str, Plain] = {}
    for authorization in hub.authorizations.all():
        name = authorization.name
        settings = {each: getattr(authorization, each) for each in _SETTINGS}
        plain = {each: value for each, value in settings.items() if value}
        held = [each for each in authorizations.SECRETS if each in hub.authorizations.secret_names(name)]
        opened = partial(hub.authorizations.secrets, name)
        there[name] = plain | around.shown(name, held, wanted.get(name, {}).get("secrets"), opened)
    return there


def _put_authorization(hub: Footfall, around: Surroundings, changes: Sequence[Change]) -> Mapping[str, str]:
    (change,) = changes
    if change.after is None:
        hub.authorizations.delete(change.name)
        return _TOLD
    settings = {name: value for name, value in change.after.items() if name != "secrets"}
    made = Authorization(**settings, created_at=hub.clock())
    given = around.resolved(change.after.get("secrets", {}))
    if change.before is None:
        add_authorization(hub, made, given)
        return _TOLD
    new = any(each.field.startswith("secrets") for each in change.fields)
    change_authorization(hub, made, given if new else {}, whole=new)
    return _TOLD


def _settings_of(plain: Plain) -> Plain:
    known = {name: value for name, value in {"kind": "aws_keys", **plain}.items() if value != ""}
    if known.get("secrets"):
        known["secrets"] = {name: known["secrets"][name] for name in authorizations.SECRETS if name in known["secrets"]}
    return known


def _check_authorization(hub: Footfall, found: DefinitionFile, around: Surroundings, name: str, plain: Plain) -> None:
    around.found(found, "authorizations", name, plain.get("secrets", {}))
    there = {each.name for each in hub.authorizations.all()}
    if "secrets" not in plain:
        settings = Authorization(**dict(plain), created_at=hub.clock())
        held = hub.authorizations.secret_names(name) if name in there else frozenset()
        try:
            authorizations.check(settings, {}, held & authorizations.allowed_secrets(settings))
        except FootfallError as error:
            found.blame("authorizations", name, error)


# --- jobs ----------------------------------------------------------------------------------------


def _jobs(hub: Footfall, wanted: Mapping[str, Plain]) -> dict[str, Plain]:
    return {job.name: _job_plain(job, hub) | {"paused": job.state == "paused"} for job in hub.jobs.all()}


def _job_plain(job: Job, hub: Footfall) -> dict[str, Any]:
    return plain_of(replace(job, options=fitted(job.kind, job.options)), hub.zone)


def _put_job(hub: Footfall, changes: Sequence[Change]) -> Mapping[str, str]:
    (change,) = changes
    if change.after is None:
        hub.jobs.move(change.name, "deleted", hub.clock())
        return _TOLD
    job = job_of(change.after, hub.zone, hub.clock())
    if change.before is None:
        add_job(hub, job)
    elif any(each.field != "paused" for each in change.fields):
        change_job(hub, job)
    paused = change.after.get("paused")
    if paused and not (change.before or {}).get("paused"):
        hub.jobs.move(change.name, "paused", hub.clock(), "paused by definition")
    elif paused is False and change.before is not None and change.before["paused"]:
        resume_job(hub, change.name)
    return _TOLD


def _check_job(hub: Footfall, found: DefinitionFile, job: Job) -> None:
    """What the store decides: is there such an authorization, are there such streams, does the kind stay."""
    known = {each.name: each for each in hub.jobs.all()}
    if job.name in known and known[job.name].kind != job.kind:
        raise Refused(f"it is of kind {known[job.name].kind} and stays so", "Give the new one another name")
    if job.authorization:
        check_place(_authorization(hub, found, job.authorization), job.url)
    streams = job.options.get("streams", ()) if job.kind == "activity" else ()
    there = {source.name for source in hub.sources.all()} | set(found.of("sources"))
    for stream in streams:
        if stream not in there:
            raise Refused(
                f"there is no stream '{stream}'", f"A stream is a source: {', '.join(sorted(there)) or 'none'}"
            )
    check_email(hub, found, job)
    check_status(hub, found, job)
    checked = {"streams", *(["audience"] if job.options.get("audience") in found.of("audiences") else [])}
    check_options(hub, replace(job, options={name: each for name, each in job.options.items() if name not in checked}))


def _authorization(hub: Footfall, found: DefinitionFile, name: str) -> Authorization:
    written = found.of("authorizations").get(name)
    if written is None:
        return hub.authorizations.get(name)
    settings = {each: value for each, value in _settings_of(written.plain).items() if each != "secrets"}
    return Authorization(**settings, created_at=hub.clock())


def _without_usual(kind: Any, plain: Plain) -> Plain:
    usual = {each.name: each.default for each in kind.record.fields}
    return {name: value for name, value in plain.items() if value != usual[name] or usual[name] is None}
