"""``access``: what has to be granted for a place, and whether it is."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from footfall.cli.options import AsJson, Config, Data, Quiet, now, opened, settings_of
from footfall.errors import Refused
from footfall.model import policies
from footfall.model.policies import Grant, use_of
from footfall.model.remote import Remote
from footfall.terminal import Exit, Screen

access = typer.Typer(help="What has to be granted for a place, and whether it is.", no_args_is_help=True)
Url = Annotated[str, typer.Argument(help="Folder, s3://bucket/folder or gs://bucket/folder.")]
Kind = Annotated[str, typer.Option(help="export, import, or a kind of job.")]


@access.command("check")
def access_check(
    url: Url,
    authorization: Annotated[str | None, typer.Option(help="Name of the authorization to use.")] = None,
    kind: Kind = "export",
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Try a place step by step with a test file, and say what to change."""
    from footfall.wiring.access import check_authorized_access, check_place_access

    screen = Screen(as_json=as_json, quiet=quiet)
    use = use_of(kind)

    def say(step: Any) -> None:
        screen.say(f"{step.name}: {step.outcome}")

    if authorization is None:
        settings = settings_of(screen, data, config)
        found = check_place_access(url, use, endpoint_url=endpoint_url, settings=settings, clock=now, say=say)
    else:
        if endpoint_url is not None:
            raise typer.BadParameter("--endpoint-url belongs to the authorization; leave one of them out")
        with opened(screen, data, config) as hub:
            found = check_authorized_access(hub, authorization, url, use, say=say)
    _show(screen, found)
    if not found.ok:
        raise typer.Exit(Exit.FAILED)


def _show(screen: Screen, found: Any) -> None:
    rows = [(each.name, str(each.outcome), each.needed, each.found, each.advice) for each in found.steps]
    columns = ["step", "outcome", "needed", "found", "advice"]
    if screen.as_json:
        steps = [dict(zip(columns, row, strict=True)) for row in rows]
        screen.result({"url": found.url, "kind": str(found.use), "ok": found.ok, "file": found.file,
                       "steps": steps, "warnings": found.warnings})  # fmt: skip
        return
    screen.table(columns, [(name, outcome, "yes" if needed else "", *rest) for name, outcome, needed, *rest in rows])
    for warning in found.warnings:
        screen.warn(f"Warning: {warning}.")
    screen.result(None, f"{found.url} can be used" if found.ok else f"{found.url} cannot be used: {found.cause}")


@access.command("print")
def access_print(
    url: Url,
    kind: Kind = "export",
    read_back: Annotated[
        bool, typer.Option("--read-back", help="Let an export read what it wrote, list its folder and sweep it.")
    ] = False,
    principal: Annotated[
        str, typer.Option(help="ARN of Footfall's own identity; for Google the e-mail of a service account.")
    ] = "",
    role: Annotated[str, typer.Option(help="Name of the role or service account to make.")] = "footfall",
    kms_key: Annotated[str, typer.Option(help="ARN of the KMS key that objects are encrypted with.")] = "",
    form: Annotated[
        str, typer.Option("--as", help="bucket-policy, role-policy, trust-policy, terraform or gcloud; all by default.")
    ] = "",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print the least that has to be granted, ready to paste. The ExternalId is the subscription id."""
    screen = Screen(as_json=as_json, quiet=quiet)
    place = Remote.parse(url)
    if place is None:
        raise Refused(f"{url} is a folder and needs no grant", "Give s3://bucket/folder or gs://bucket/folder")
    external_id = ""
    if not place.google:
        with opened(screen, data, config) as hub:
            external_id = str(hub.subscription.subscription_id)
    grant = Grant(
        place=place, use=use_of(kind), read_back=read_back, principal=principal or policies.IDENTITY, role=role,
        external_id=external_id, kms_key=kms_key,
    )  # fmt: skip
    forms = _google(grant) if place.google else _amazon(grant)
    if form and form not in forms:
        raise typer.BadParameter(f"--as must be one of {', '.join(forms)} here")
    chosen = {name: value for name, value in forms.items() if form in ("", name)}
    if not principal and not place.google:
        screen.say(f"Put the ARN of the identity Footfall runs as in the place of {policies.IDENTITY}, or --principal.")
    _print(screen, chosen)


def _amazon(grant: Grant) -> dict[str, Any]:
    return {
        "bucket-policy": policies.bucket_policy(grant, grant.principal),
        "trust-policy": policies.trust_policy(grant),
        "role-policy": policies.identity_policy(grant),
        "terraform": policies.terraform(grant),
    }


def _google(grant: Grant) -> dict[str, Any]:
    return {"gcloud": policies.gcloud(grant), "terraform": policies.terraform(grant)}


_TITLES = {
    "bucket-policy": "Bucket policy: for Footfall's identity itself, instead of a role",
    "trust-policy": "Trust policy of the role: who may assume it",
    "role-policy": "Policy of the role, or of a user with access keys: what it may do",
    "terraform": "Terraform: the role or service account with its rights",
    "gcloud": "gcloud: a service account, its rights and its HMAC key",
}


def _print(screen: Screen, chosen: dict[str, Any]) -> None:
    if screen.as_json:
        screen.result({name.replace("-", "_"): value for name, value in chosen.items()})
        return
    texts = {name: value if isinstance(value, str) else policies.text(value) for name, value in chosen.items()}
    if len(texts) == 1:
        print(next(iter(texts.values())), end="")
        return
    print("\n".join(f"# {_TITLES[name]}\n{text}" for name, text in texts.items()), end="")
