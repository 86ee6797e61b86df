"""The settings as the broker, the events and the hosts take them; front.py has those of the wire."""

from __future__ import annotations

from virtcim.broker.delivery import Retry
from virtcim.broker.namespaces import SpaceLimits
from virtcim.broker.pull import PullLimits
from virtcim.config import Settings
from virtcim.eventing import EventSettings
from virtcim.host.settings import HostSettings, MigrationSettings


def pull_limits(settings: Settings) -> PullLimits:
    """Those of pulled enumerations."""
    return PullLimits(
        timeout=min(settings.enumeration_timeout, settings.max_enumeration_timeout),
        max_timeout=settings.max_enumeration_timeout,
        allow_no_timeout=settings.endless_enumerations,
        sessions=settings.max_enumerations,
        sessions_per_user=settings.max_enumerations_per_user,
        batch=settings.max_enumeration_batch,
        empty_pulls=settings.max_empty_pulls,
    )


def space_limits(settings: Settings) -> SpaceLimits:
    """Those of namespaces that clients create."""
    return SpaceLimits(
        namespaces=settings.max_namespaces,
        classes=settings.max_namespace_classes,
        instances=settings.max_namespace_instances,
    )


def event_settings(settings: Settings) -> EventSettings:
    """How indications are delivered."""
    retry = Retry(settings.indication_retry_attempts, settings.indication_retry_interval)
    return EventSettings(retry, settings.indication_timeout, str(settings.listener_ca or ""))


def host_settings(settings: Settings) -> HostSettings:
    """What the host layer is to do differently."""
    return HostSettings(
        reconcile_interval=settings.reconcile_interval,
        reread_interval=settings.reread_interval,
        storage_refresh_interval=settings.storage_refresh_interval,
        stale_limit=settings.stale_limit,
        keepalive_interval=settings.keepalive_interval,
        keepalive_count=settings.keepalive_count,
        naming="uuid" if settings.naming == "uuid" else "name",
        legacy_resource_types=settings.legacy_resource_types,
        shutdown_timeout=settings.shutdown_timeout,
        detach_timeout=settings.detach_timeout,
        migration=migration_settings(settings),
    )


def migration_settings(settings: Settings) -> MigrationSettings:
    """How other hosts are reached."""
    return MigrationSettings(
        transport=settings.migration_transport,
        ssh_user=settings.migration_ssh_user,
        ssh_key=str(settings.migration_ssh_key or ""),
        pki_directory=str(settings.migration_pki_directory or ""),
        auth_file=str(settings.migration_auth_file or ""),
        socket_directory=str(settings.migration_socket_directory or ""),
    )
