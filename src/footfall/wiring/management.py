"""What the management API may do here; it takes a second to load and is made when the API is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from footfall import __version__
from footfall.model.address import shortened
from footfall.stores.repeats import SqlRepeats
from footfall.web.api.management import Management
from footfall.web.identify import Keys
from footfall.wiring.acting import act_as
from footfall.wiring.api import define_names
from footfall.wiring.authorizations import add_authorization, change_authorization, rotate_authorization
from footfall.wiring.denying import allow_user, denied_users, deny_user
from footfall.wiring.erasing import ask_for, erasures_of
from footfall.wiring.features import clone_feature, try_event
from footfall.wiring.import_bad_rows import bad_rows_of
from footfall.wiring.imports import ledger_of
from footfall.wiring.jobs import add_job, backfill, change_job, managed_by, next_run, resume_job, slot_of
from footfall.wiring.keys import create_api_key, create_key
from footfall.wiring.membership import Looks, audiences_of
from footfall.wiring.person_export import archive_of_person
from footfall.wiring.privacy import policies_of, put_policy
from footfall.wiring.profiles import attributes_of, profiles_of
from footfall.wiring.tasks import Tasks
from footfall.wiring.telling import add_channel, change_channel, channels_of, outbox_of, rotate_channel
from footfall.wiring.user_keys import needs_user_hash, release_user_hash, require_user_hash

if TYPE_CHECKING:
    from footfall.wiring.hub import Footfall


def management_of(hub: Footfall, keys: Keys, tasks: Tasks) -> Management:
    """The deployment as the API sees it."""
    settings, subscription = hub.settings, hub.subscription

    def create_source(name: str, product_key: str, environment: str, channel: str, tag: Mapping[str, Any]) -> str:
        return create_key(hub, name, product_key=product_key, environment=environment, channel=channel, tag=tag)

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
        identify=keys.caller,
        clock=hub.clock,
        zone=hub.zone,
        external_id=str(subscription.subscription_id),
        jobs=hub.jobs,
        authorizations=hub.authorizations,
        channels=channels_of(hub),
        outbox=outbox_of(hub),
        sources=hub.sources,
        policies=policies_of(hub),
        denied=partial(denied_users, hub),
        deny_user=partial(deny_user, hub),
        allow_user=partial(allow_user, hub),
        put_policy=partial(put_policy, hub),
        ledger=hub.ledger,
        catalogue=hub.catalogue,
        api_keys=hub.api_keys,
        attributes=attributes_of(hub),
        profiles=profiles_of(hub),
        erasures=erasures_of(hub),
        audiences=audiences_of(hub),
        looks=Looks(hub),
        audit=hub.audit,
        repeats=SqlRepeats(hub.database, hub.vault),
        tasks=tasks,
        imports=ledger_of(hub),
        bad_rows=partial(bad_rows_of, hub),
        kept_of=lambda request: shortened(keys.client(request), settings.store_ip),
        act_as=act_as,
        days=hub.days,
        add_job=partial(add_job, hub),
        change_job=partial(change_job, hub),
        resume_job=partial(resume_job, hub),
        slot_of=partial(slot_of, hub),
        next_run=partial(next_run, hub),
        managed_by=partial(managed_by, hub),
        backfill=partial(backfill, hub),
        add_authorization=partial(add_authorization, hub),
        change_authorization=partial(change_authorization, hub),
        rotate_authorization=partial(rotate_authorization, hub),
        add_channel=partial(add_channel, hub),
        change_channel=partial(change_channel, hub),
        rotate_channel=partial(rotate_channel, hub),
        create_source=create_source,
        needs_user_hash=partial(needs_user_hash, hub),
        require_user_hash=partial(require_user_hash, hub),
        release_user_hash=partial(release_user_hash, hub),
        create_api_key=partial(create_api_key, hub),
        erase=partial(ask_for, hub),
        export_person=partial(archive_of_person, hub),
        define=partial(define_names, hub),
        try_event=partial(try_event, hub),
        clone_feature=lambda feature, new, name, key: clone_feature(hub, feature, new, name=name, product_key=key),
        describe=describe,
    )
