"""``features``: the tree of features, their rules, and what they match."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, command
from footfall.terminal import Exit

if TYPE_CHECKING:
    from footfall.model.feature_rules import FeatureRule
    from footfall.model.metadata import Metadata

features = typer.Typer(help="Features, the rules by which they count as used, and trying them.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of a feature.", metavar="FEATURE")]
Product = Annotated[str, typer.Option(help="Of this product only.")]


@command(features, "ls")
def features_ls(
    here: Here,
    product: Product = "",
    label: Annotated[str, typer.Option(help="With this label only.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also what is deleted.")] = False,
) -> None:
    """List features and modules as the tree that they are."""
    from footfall.model.feature_trees import in_order

    with here.opened() as hub:
        metadata = hub.catalogue.read()
    chosen = [
        (depth, each)
        for depth, each in in_order(metadata.features)
        if (not product or each.product_key == product)
        and (not label or label in each.labels)
        and (everything or each.status != "DELETED")
    ]
    if not chosen and not here.screen.as_json:
        here.screen.warn("No features yet: define them in footfall.yaml, see docs/guide/product-mapper.md.")
        raise typer.Exit(Exit.NOTHING_TO_DO)
    plain = here.screen.as_json
    here.screen.table(
        ["id", "name", "type", "product", "status", "rules", "labels"],
        [
            (each.id, each.name if plain else "  " * depth + each.name, each.type, each.product_key, each.status,
             sum(rule.state == "ENABLED" for rule in each.rules), ", ".join(each.labels))
            for depth, each in chosen
        ],
    )  # fmt: skip


@command(features, "show")
def features_show(here: Here, feature: Id) -> None:
    """Show a feature and its rules."""
    from footfall.model.definitions import plain_item
    from footfall.model.feature_trees import feature_of

    with here.opened() as hub:
        metadata = hub.catalogue.read()
    found = feature_of(metadata, feature)
    if here.screen.as_json:
        here.screen.result(plain_item(found) | {"path": metadata.feature_path(feature)})
        return
    here.screen.table(["", found.id], [
        ("path", metadata.feature_path(feature) or ""), ("type", found.type), ("product", found.product_key),
        ("environments", ", ".join(found.environments) or "all"), ("status", found.status),
        ("labels", ", ".join(found.labels)),
    ])  # fmt: skip
    rows = [(place, rule.kind, _said(rule), rule.state) for place, rule in enumerate(found.rules)]
    here.screen.table(["rule", "kind", "what it looks for", "state"], rows)


@command(features, "test")
def features_test(
    here: Here,
    what: Annotated[str, typer.Argument(help="A URL, a file with one native event as JSON, or - for standard input.")],
    product: Annotated[str, typer.Option(help="Product of the page or event, unless it names one.")] = "default",
    environment: Annotated[str, typer.Option(help="The same for the environment.")] = "Production",
) -> None:
    """Say which features an event would use, and by which rule. Nothing is stored."""
    from footfall.wiring.features import page_view, try_event

    given = _event(what) if what == "-" or Path(what).is_file() else page_view(what, product, environment)
    event = {"product_key": product, "environment": environment} | given
    with here.opened() as hub:
        found, metadata = try_event(hub, event), hub.catalogue.read()
    rules = {each.id: each.rules for each in metadata.features}
    screen = here.screen
    if not found and not screen.as_json:
        screen.warn(_why_not(metadata, str(event["product_key"])))
        raise typer.Exit(Exit.NOTHING_TO_DO)
    screen.table(
        ["feature", "path", "rule", "kind", "what it looks for"],
        [
            (each.feature, metadata.feature_path(each.feature) or "", each.rule, rules[each.feature][each.rule].kind,
             _said(rules[each.feature][each.rule]))
            for each in found
        ],
    )  # fmt: skip


@command(features, "clone")
def features_clone(
    here: Here,
    feature: Id,
    new_id: Annotated[str, typer.Argument(help="Id of the copy; ids below it begin with it.", metavar="NEW_ID")],
    name: Annotated[str, typer.Option(help="Name of the copy; the same by default.")] = "",
    product: Annotated[str, typer.Option(help="Product of the copies; the same by default.")] = "",
) -> None:
    """Copy a feature and all that is below it, with their rules."""
    from footfall.wiring.features import clone_feature

    with here.opened() as hub:
        made = clone_feature(hub, feature, new_id, name=name, product_key=product)
    ids = [each.id for each in made]
    here.screen.result({"features": ids}, f"{len(ids)} features: {', '.join(ids)}")


@command(features, "backfill")
def features_backfill(
    here: Here,
    feature: Annotated[
        str, typer.Argument(help="Only its rules, and those of what is below it; all by default.", metavar="[FEATURE]")
    ] = "",
    since: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="The last day.")] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Also take away matches whose events answer no rule any more.")
    ] = False,
) -> None:
    """Let the rules of now see events of before. Days that change, and were closed, get another revision."""
    from footfall.wiring.feature_backfill import backfill_features

    screen = here.screen
    with here.opened() as hub, screen.progress() as progress:
        done = backfill_features(
            hub, feature, since=since.date() if since else None, until=until.date() if until else None, remove=remove,
            progress=progress,
        )  # fmt: skip
    plain = {"days": done.looked_at, "added": done.added, "removed": done.removed,
             "changed": [day.isoformat() for day in done.days]}  # fmt: skip
    taken = f", {done.removed:,} taken away" if remove else ""
    screen.result(plain, f"{done.added:,} matches added{taken}: {len(done.days)} of {done.looked_at} days changed")
    if not done.days:
        raise typer.Exit(Exit.NOTHING_TO_DO)


def _event(what: str) -> dict[str, Any]:
    from footfall.errors import Refused

    text = sys.stdin.read() if what == "-" else Path(what).read_text("utf-8")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Refused(
            f"{what} is no JSON: {error}", "Give one native event, see docs/reference/native-events.md"
        ) from error
    if not isinstance(found, dict):
        raise Refused(f"{what} is no event", "Give one JSON object")
    return found


def _said(rule: FeatureRule) -> str:
    more = [f"on {rule.url}" if rule.url else "", f'saying "{rule.text}"' if rule.text else "",
            f"where {rule.where}" if rule.where else ""]  # fmt: skip
    said = rule.value if rule.kind == "ELEMENT" else f"{rule.matched} {rule.value}"
    return " ".join([said, *(each for each in more if each)])


def _why_not(metadata: Metadata, product: str) -> str:
    keys = sorted({each.product_key for each in metadata.features if each.rules})
    if product not in keys:
        return f"No feature of product {product} has rules; there are rules for {', '.join(keys) or 'no product'}."
    return "No feature matches."
