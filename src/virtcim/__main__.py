"""The command line, and the assembly of all layers into one server: flags -> Settings -> build -> serve."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from virtcim import __version__, config, dispatching, gauges, resources
from virtcim.broker import schema
from virtcim.broker.broker import NAMESPACES, Broker
from virtcim.broker.catalog import Catalog, CatalogError
from virtcim.broker.jobs import Jobs
from virtcim.broker.namespaces import Codec, Namespaces
from virtcim.broker.operations import OPERATIONS
from virtcim.broker.provider import INTEROP, VIRT
from virtcim.broker.resolve import SchemaError
from virtcim.broker.schema import Schema
from virtcim.broker.store import Store, sqlite_url
from virtcim.broker.store_database import StoreError
from virtcim.eventing import Events
from virtcim.front import Behind, Front
from virtcim.host.call_times import measured
from virtcim.host.inventory import Hosts
from virtcim.later import Later
from virtcim.layer_settings import event_settings, host_settings, pull_limits, space_limits
from virtcim.notify import Manager
from virtcim.profiles import (
    dsp1024,
    dsp1027,
    dsp1033,
    dsp1041,
    dsp1042,
    dsp1043,
    dsp1044,
    dsp1045,
    dsp1047,
    dsp1050,
    dsp1052,
    dsp1053,
    dsp1057,
    dsp1059,
    dsp1076,
    dsp1081,
    dsp1092,
    dsp1097,
    dsp1103,
    faults,
    filter_lists,
)
from virtcim.profiles.ahead import Ahead
from virtcim.profiles.registration import FactsError, load_facts
from virtcim.profiles.wbem_server import ServerFacts
from virtcim.running import Process
from virtcim.wire.declarations import declaration_text, read_declaration
from virtcim.wire.embedded import parse_embedded
from virtcim.wire.metrics import Readings
from virtcim.wire.passwords import write_entry
from virtcim.wire.replies import Caveats

CIMV2 = "root/cimv2"  # an alias of root/virt for clients that look there
FIRST_READ = 10.0  # seconds that the start waits for libvirt; the server then serves what answers
CODEC = Codec(declaration_text, read_declaration, parse_embedded)
NOT_KEPT = "sqlite://"  # a store in memory
STARTING_ERRORS = (config.ConfigError, SchemaError, CatalogError, FactsError, StoreError, OSError, ValueError)

TRY = """virtcim {version} serves {url}. Try:
  wbemcli ei {url}/root/virt:CIM_ComputerSystem
  wbemcli ein {url}/root/virt:CIM_VirtualSystemManagementService
  .venv/bin/pywbemcli -s {url} -d root/virt profile list
Ctrl-C ends it."""


class Server:
    """All layers, assembled: `start`, then `url` answers, then `stop`."""

    def __init__(self, hosts: Hosts, jobs: Jobs, events: Events, broker: Broker, front: Front) -> None:
        self.hosts = hosts
        self._ahead = Ahead(hosts)
        self._jobs = jobs
        self._events = events
        self._enumerations = broker.pulls.sessions
        self.front = front

    @property
    def urls(self) -> list[str]:
        return self.front.urls

    @property
    def url(self) -> str:
        """The first URL listened on."""
        return self.urls[0]

    def start(self) -> None:
        """Connect and listen. Errors: OSError that names the URL."""
        self._events.start()
        self._ahead.start()
        self.hosts.start()
        self.hosts.settle(FIRST_READ)
        self._events.look_around()
        self.front.start()

    def stop(self) -> None:
        """Stop listening, let calls end, then close the links."""
        self.front.stop()
        self._enumerations.end()
        self._jobs.close()
        self.hosts.stop()
        self._ahead.stop()
        self._events.stop()

    def reload(self) -> None:
        """Read certificates, passwords and roles again."""
        self.front.reload()


def build(settings: config.Settings, manager: Manager | None = None) -> Server:
    """Assemble a server. Errors: STARTING_ERRORS, each naming what is wrong."""
    hosts = Hosts(settings.connect, host_settings(settings))
    jobs = Jobs(settings.job_retention, faults.explain, lambda error: faults.translate(error) is not None)
    facts = server_facts(settings, lambda: front.web_urls, lambda: len(front.connections))
    namespaces = NAMESPACES | ({CIMV2: VIRT} if settings.cimv2_alias else {})
    events = make_events(settings, load_schema(settings, hosts), Store(store_url(settings)), facts, namespaces)
    spaces = Namespaces(events.shelf, CODEC, faults.translate, space_limits(settings))
    catalog = make_catalog(settings, hosts, jobs, replace(facts, created=spaces), events)
    broker = Broker(catalog, hosts, jobs, parse_embedded, faults.translate, namespaces, pull_limits(settings))
    broker.methods.refuses_by_error = settings.legacy_errors
    spaces.open(broker)
    behind = Behind(
        dispatch=dispatching.measured(hosts.measure, spaces.answer),
        blocking=dispatching.waits,
        classes=spaces.get_class,
        classes_in=spaces.classes_in,
        find_class=spaces.find_class,
        namespaces=namespaces,
        host=facts.system_name,
        caveats=lambda: Caveats(hosts.age, hosts.lost),
        readings=_readings(hosts, broker, jobs),
    )
    beat = (manager.alive, manager.watchdog / 2) if manager and manager.watchdog else None
    front = Front(settings, behind, beat)
    events.watch(broker, hosts, jobs)
    return Server(hosts, jobs, events, broker, front)


def _readings(hosts: Hosts, broker: Broker, jobs: Jobs) -> list[Readings]:
    """What is measured at each scrape."""
    enumerations = gauges.of_enumerations(broker.pulls.sessions)
    return [gauges.of_hosts(hosts), gauges.of_calls(measured()), enumerations, gauges.of_jobs(jobs)]


def load_schema(settings: config.Settings, hosts: Hosts) -> Schema:
    """The classes that the platforms of the hosts need. Errors: STARTING_ERRORS."""
    platforms = sorted({host.platform for host in hosts.hosts})
    return schema.load(resources.mof_dir(), settings.state_dir / "cache", platforms)


def store_url(settings: config.Settings) -> str:
    """Where the durable state is."""
    return settings.store or sqlite_url(settings.state_dir)


def make_events(
    settings: config.Settings, classes: Schema, store: Store, server: ServerFacts, namespaces: Mapping[str, str]
) -> Events:
    """Indications over a store, which is closed with them."""
    return Events(classes, store, event_settings(settings), server.system_name, namespaces)


def make_catalog(
    settings: config.Settings, hosts: Hosts, jobs: Jobs, server: ServerFacts, events: Events | None = None
) -> Catalog:
    """All profiles. Without `events` what clients create is not kept. Errors: STARTING_ERRORS."""
    if events is None:
        events = make_events(settings, load_schema(settings, hosts), Store(NOT_KEPT), server, NAMESPACES)
    platforms = {host.platform for host in hosts.hosts}
    facts = load_facts(resources.profiles_dir(), platforms.pop() if len(platforms) == 1 else None)
    profiles = [dsp1027.profile, dsp1042.profile, dsp1052.profile, dsp1057.profile]
    profiles += [dsp1041.profile, dsp1043.profile, dsp1044.profile, dsp1045.profile, dsp1059.profile]
    profiles += [dsp1047.profile, dsp1050.profile, dsp1097.profile, filter_lists.make(hosts)]
    profiles += [dsp1024.profile, dsp1076.profile]
    profiles += [dsp1053.make(hosts, events.shelf), dsp1081.make(hosts), dsp1092.make(server, hosts)]
    profiles.append(dsp1103.make(jobs, profiles))
    profiles.append(events.profile(profiles, facts, hosts))
    profiles.append(dsp1033.make(facts, profiles, hosts))
    return Catalog(events.schema, profiles)


def server_facts(
    settings: config.Settings, urls: Callable[[], list[str]], connections: Callable[[], int]
) -> ServerFacts:
    """What the server says of itself; root/interop is the same namespace as interop, so it is not named."""
    return ServerFacts(
        name="virtcim",
        version=__version__,
        system_name=_machine_name(),
        urls=urls,
        namespaces=(INTEROP, VIRT, *((CIMV2,) if settings.cimv2_alias else ())),
        operations=tuple(operation.name for operation in OPERATIONS.values()),
        authentication=("Basic",) if {"file", "pam"} & set(settings.authentication) else (),
        max_connections=settings.max_connections,
        connections=connections,
        pull_timeouts=(1, settings.max_enumeration_timeout),
        endless_pulls=settings.endless_enumerations,
    )


def _machine_name() -> str:
    """The FQDN; the host name where the resolver knows the machine as localhost only, as libvirt does."""
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="virtcim %(version)s")
def main() -> None:
    """Manage libvirt virtual machines through CIM."""


def settings_options(command: Any) -> Any:
    """The flags that make settings, for every command that needs some."""
    for option in (
        click.option("--connect", metavar="URI", multiple=True, help="libvirt URI to manage; may be repeated."),
        click.option("--listen", metavar="URL", multiple=True, help="URL to serve; may be repeated."),
        click.option("--config", "file", metavar="FILE", type=click.Path(path_type=Path), help="YAML settings file."),
        click.option("--state-dir", metavar="DIR", help="Directory of durable state and caches."),
    ):
        command = option(command)
    return command


@main.command()
@settings_options
def serve(file: Path | None, **flags: object) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP reads settings, certificates, passwords and roles again."""

    def load() -> config.Settings:
        return config.load(flags, os.environ, file)[0]

    try:
        settings = load()
        process = Process(settings, load)
        server = build(settings, process.manager)
        process.run(server, lambda: print(TRY.format(version=__version__, url=server.url), flush=True))
    except STARTING_ERRORS as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("user")
def password(file: Path, user: str) -> None:
    """Add USER to the password file FILE, or give USER another password: VIRTCIM_NEW_PASSWORD, or asked for."""
    given = os.environ.get("VIRTCIM_NEW_PASSWORD")
    try:
        write_entry(file, user, given or click.prompt("Password", hide_input=True, confirmation_prompt=True))
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


@main.command("config")
@settings_options
def show_config(file: Path | None, **flags: object) -> None:
    """Print every setting, its value and where the value came from."""
    try:
        settings, origins = config.load(flags, os.environ, file)
    except config.ConfigError as error:
        raise click.ClickException(str(error)) from error
    print(config.render(settings, origins))


@main.command()
@click.argument("url")
@click.option("--profile", "profiles", multiple=True, metavar="DSP", help="Only this profile, as dsp1042; repeatable.")
@click.option("--write", is_flag=True, help="Allow the checks that create and destroy systems of their own.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report as JSON to this file.")
@click.option("--user")
@click.option("--password", envvar="VIRTCIM_PASSWORD")
@click.option("--no-verify", is_flag=True, help="Do not verify the server's certificate.")
def conformance(url: str, no_verify: bool, **options: Any) -> None:
    """Check any WBEM server against the profiles' numbered assertions."""
    try:
        sys.exit(Later("virtcim.conformance.runner").main(url, verify=not no_verify, **options))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
