"""What the admin port serves beside health and definitions: the management API and the figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from footfall import __version__
from footfall.errors import Unavailable
from footfall.model import definitions
from footfall.model.address import shortened
from footfall.model.audit import Actor
from footfall.stores.repeats import SqlRepeats
from footfall.web.admin import create_admin
from footfall.web.collect import client_address
from footfall.web.identify import Keys
from footfall.web.late import Late
from footfall.web.metrics import Delivered, Figures, metrics
from footfall.wiring.acting import act_as
from footfall.wiring.authorizations import add_authorization, change_authorization, rotate_authorization
from footfall.wiring.import_bad_rows import bad_rows_of
from footfall.wiring.imports import ledger_of
from footfall.wiring.jobs import add_job, backfill, change_job, next_run, slot_of
from footfall.wiring.keys import create_api_key, create_key
from footfall.wiring.membership import Looks, audiences_of
from footfall.wiring.profiles import attributes_of, profiles_of
from footfall.wiring.tasks import Tasks
from footfall.wiring.telling import add_channel, change_channel, channels_of, outbox_of, rotate_channel

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute

    from footfall.web.api.management import Management
    from footfall.web.late import App
    from footfall.wiring.hub import Footfall


def admin_of(hub: Footfall, keys: Keys, tasks: Tasks, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The app of the admin port: health, definitions, ``/metrics``, ``more``, and, when first asked for, ``/api/*``."""

    def ready() -> dict[str, Any]:
        return {"log_end": hub.log.end(), "settled": hub.lake.position()}

    def define(actor: Actor, plain: object) -> None:
        act_as(actor)
        _define(hub, plain)

    def make() -> App:
        from footfall.web.api.app import create_api

        return create_api(management_of(hub, keys, tasks), time.monotonic)

    delivered = Delivered()
    hub.jobs.finished = delivered
    routes = [Late("/api", make), metrics(partial(_figures, hub), delivered, keys.actor), *more]
    return create_admin(who=partial(keys.actor, needed="write"), define=define, ready=ready, more=routes)


def management_of(hub: Footfall, keys: Keys, tasks: Tasks) -> Management:
    """The deployment as the API sees it."""
    from footfall.web.api.management import Management

    settings, subscription = hub.settings, hub.subscription
    trusted = frozenset(settings.trusted_proxies)

    def client_of(peer: str, headers: Mapping[bytes, bytes]) -> str:
        return client_address(peer, dict(headers), trusted)

    def create_source(name: str, product_key: str, environment: str, channel: str) -> str:
        return create_key(hub, name, product_key=product_key, environment=environment, channel=channel)

    def describe() -> Mapping[str, Any]:
        return {
            "version": __version__,
            "subscription_id": str(subscription.subscription_id),
            "organization_id": str(subscription.organization_id),
            "name": settings.subscription_name,
            "time_zone": subscription.time_zone,
            "log_end": hub.log.end(),
            "settled": hub.lake.position(),
        }

    return Management(
        identify=keys,
        clock=hub.clock,
        zone=hub.zone,
        external_id=str(subscription.subscription_id),
        jobs=hub.jobs,
        authorizations=hub.authorizations,
        channels=channels_of(hub),
        outbox=outbox_of(hub),
        sources=hub.sources,
        ledger=hub.ledger,
        catalogue=hub.catalogue,
        api_keys=hub.api_keys,
        attributes=attributes_of(hub),
        profiles=profiles_of(hub),
        audiences=audiences_of(hub),
        looks=Looks(hub),
        audit=hub.audit,
        repeats=SqlRepeats(hub.database, hub.vault),
        tasks=tasks,
        imports=ledger_of(hub),
        bad_rows=partial(bad_rows_of, hub),
        client_of=client_of,
        kept_of=lambda address: shortened(address, settings.store_ip),
        act_as=act_as,
        days=hub.days,
        add_job=partial(add_job, hub),
        change_job=partial(change_job, hub),
        slot_of=partial(slot_of, hub),
        next_run=partial(next_run, hub),
        backfill=partial(backfill, hub),
        add_authorization=partial(add_authorization, hub),
        change_authorization=partial(change_authorization, hub),
        rotate_authorization=partial(rotate_authorization, hub),
        add_channel=partial(add_channel, hub),
        change_channel=partial(change_channel, hub),
        rotate_channel=partial(rotate_channel, hub),
        create_source=create_source,
        create_api_key=partial(create_api_key, hub),
        define=partial(_define, hub),
        describe=describe,
    )


def _define(hub: Footfall, plain: object) -> None:
    hub.catalogue.write(definitions.read(plain), hub.clock())


def _figures(hub: Footfall) -> Figures:
    try:
        on_disk = sum(path.stat().st_size for path in (hub.settings.data / "log").glob("*.log"))
    except OSError as error:
        raise Unavailable(f"the log cannot be looked at: {error.strerror}") from error
    days = Counter(state for _, _, _, state, _ in hub.days())
    jobs = Counter(job.state for job in hub.jobs.all())
    return Figures(hub.ledger.counts(), hub.log.end(), hub.lake.position(), on_disk, days, jobs)
