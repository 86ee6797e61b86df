"""Settings: what is stronger than what, where each value came from, and what is refused with which words."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
import yaml

from virtcim.config import ConfigError, Settings, help_texts, load, render
from virtcim.config_values import endpoint, listen


def yaml_file(directory: Path, text: str) -> Path:
    path = directory / "virtcim.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_nothing() -> None:
    settings, origins = load({}, {"HOME": "/home/op"})
    assert settings.connect[0].startswith("test:///")
    assert settings.connect[0].endswith("/node.xml")
    assert settings.listen == ("http://127.0.0.1:5988",)
    assert (settings.naming, settings.insecure_listen, settings.max_request_bytes) == ("name", False, 16 * 1024**2)
    assert set(origins) == {spec.name for spec in fields(Settings)}
    assert set(origins.values()) == {"default"}


def test_settings_do_not_change() -> None:
    settings, _ = load({}, {})
    with pytest.raises(FrozenInstanceError):
        settings.naming = "uuid"  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize(
    ("flag", "variable", "in_file", "expected", "origin"),
    [
        (None, None, None, 30.0, "default"),
        (None, None, 7, 7.0, "file {file}"),
        (None, "8", 7, 8.0, "environment VIRTCIM_RECONCILE_INTERVAL"),
        (9, "8", 7, 9.0, "flag --reconcile-interval"),
        (9, None, None, 9.0, "flag --reconcile-interval"),
    ],
    ids=["default", "file", "environment", "flag", "flag-alone"],
)
def test_the_stronger_source_wins(
    tmp_path: Path, flag: int | None, variable: str | None, in_file: int | None, expected: float, origin: str
) -> None:
    file = yaml_file(tmp_path, "" if in_file is None else f"reconcile_interval: {in_file}")
    environ = {} if variable is None else {"VIRTCIM_RECONCILE_INTERVAL": variable}
    settings, origins = load({"reconcile_interval": flag}, environ, file)
    assert settings.reconcile_interval == expected
    assert origins["reconcile_interval"] == origin.format(file=file)


def test_a_list_replaces_the_weaker_list(tmp_path: Path) -> None:
    file = yaml_file(tmp_path, "connect: [qemu:///system]")
    assert load({"connect": ()}, {}, file)[0].connect == ("qemu:///system",)
    environ = {"VIRTCIM_CONNECT": "lxc:///system test:///default"}
    assert load({"connect": ()}, environ, file)[0].connect == ("lxc:///system", "test:///default")


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = yaml_file(tmp_path, "log_level: debug")
    settings, origins = load({}, {"VIRTCIM_CONFIG": str(file)})
    assert (settings.log_level, origins["log_level"]) == ("debug", f"file {file}")


@pytest.mark.parametrize("other", ["VIRTCIM_TEST_REQUIRE_LIVE", "PATH", "LISTEN"])
def test_other_variables_are_not_ours(other: str) -> None:
    assert load({}, {other: "nonsense"})[0] == load({}, {})[0]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"listen": "127.0.0.1:5988"}, "not of the form http://ADDRESS:PORT, https://ADDRESS:PORT or unix:/PATH"),
        ({"listen": "http://127.0.0.1:5988/cimom"}, "not of the form"),
        ({"listen": "https://127.0.0.1:5989"}, "https://127.0.0.1:5989 needs tls_certificate and tls_key"),
        ({"listen": "http://127.0.0.1:5988?certificate=/c&key=/k"}, "not of the form"),
        ({"listen": "https://127.0.0.1:1?certificate=/c"}, "certificate=FILE&key=FILE"),
        ({"listen": "https://127.0.0.1:1?certificate=c&key=k"}, "with their whole paths"),
        ({"listen": "https://127.0.0.1:1?certificate=/c&key=/k&x=1"}, "certificate=FILE&key=FILE"),
        ({"listen": "https://u@127.0.0.1:1"}, "not of the form"),
        ({"listen": "unix:socket"}, "not of the form unix:/PATH"),
        ({"listen": "unix://host/socket"}, "not of the form unix:/PATH"),
        ({"tls_certificate": "/c"}, "is of no use without the other"),
        ({"tls_key": "/k"}, "is of no use without the other"),
        ({"tls_key": 5}, "must be a file, not 5"),
        ({"tls_minimum": "1.1"}, "must be 1.2 or 1.3, not '1.1'"),
        ({"authentication": "password"}, "must be of none, file, pam, certificate, not 'password'"),
        ({"authentication": []}, "one or more texts"),
        ({"authentication": "none file"}, "none cannot be combined with others"),
        ({"authentication": "file"}, "file needs password_file"),
        ({"authentication": "certificate"}, "certificate needs client_ca"),
        ({"pam_service": "a b"}, "must be a word"),
        ({"lockout_failures": 0}, "at least 1"),
        ({"log_format": "xml"}, "must be text or json"),
        ({"listen": "http://127.0.0.1:70000"}, "Port out of range"),
        ({"listen": "http://[::1"}, "Invalid IPv6 URL"),
        ({"listen": "http://127.0.0.1:1 http://127.0.0.1:1"}, "twice"),
        ({"listen": 5988}, "one or more texts"),
        ({"listen": []}, "one or more texts"),
        ({"connect": "system"}, "not a libvirt URI"),
        ({"connect": "qemu:system"}, "not a libvirt URI"),
        ({"connect": "qemu:///system qemu+ssh://other/system"}, "set naming: uuid"),
        ({"naming": "serial"}, "must be name or uuid, not 'serial'"),
        ({"naming": True}, "must be name or uuid"),
        ({"cimv2_alias": "maybe"}, "must be true or false, not 'maybe'"),
        ({"cimv2_alias": 1}, "must be true or false, not 1"),
        ({"max_xml_depth": 3}, "at least 16, not 3"),
        ({"max_connections": "many"}, "whole number of at least 1, not 'many'"),
        ({"max_connections": True}, "whole number"),
        ({"max_connections": 2.5}, "whole number"),
        ({"job_retention": "nan"}, "number of seconds"),
        ({"job_retention": "inf"}, "number of seconds"),
        ({"job_retention": -1}, "number of seconds of at least 0"),
        ({"job_retention": False}, "number of seconds"),
        ({"state_dir": " "}, "must be a directory"),
        ({"log_level": "chatty"}, "must be debug or info"),
    ],
    ids=str,
)
def test_bad_value_names_setting_source_and_reason(flags: dict[str, object], reason: str) -> None:
    (name,) = flags
    with pytest.raises(ConfigError) as refused:
        load(flags, {})
    assert refused.value.setting == name
    assert refused.value.source == "flag --" + name.replace("_", "-")
    assert reason in refused.value.reason
    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("listn: []", "no such setting; did you mean listen?"),
        ("zebra: 1", "no such setting"),
        ("- listen", "must be a mapping of settings, not list"),
        ("listen: [", "not YAML"),
        ("naming: !!python/object:os.system x", "not YAML"),
        ("max_connections: 0", "at least 1"),
    ],
    ids=["near-miss", "unknown", "list", "broken", "tag", "value"],
)
def test_bad_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = yaml_file(tmp_path, text)
    with pytest.raises(ConfigError, match="file ") as refused:
        load({}, {}, file)
    assert reason in refused.value.reason
    assert refused.value.source == f"file {file}"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load({}, {}, tmp_path / "absent.yaml")


def test_unknown_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"environment VIRTCIM_LISTN\): no such setting; did you mean listen"):
        load({}, {"VIRTCIM_LISTN": "http://127.0.0.1:1"})


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:1", True),
        ("http://localhost:1", True),
        ("http://0.0.0.0:1", False),
        ("http://[::]:1", False),
        ("http://192.0.2.1:1", False),
        ("http://localhost.example.com:1", False),
    ],
)
def test_listening_beyond_loopback_must_be_asked_for(url: str, loopback: bool) -> None:
    if loopback:
        assert load({"listen": url}, {})[0].listen == (url,)
        return
    with pytest.raises(ConfigError, match="insecure_listen"):
        load({"listen": url}, {})
    assert load({"listen": url, "insecure_listen": True}, {})[0].listen == (url,)


SECURED = {"tls_certificate": "/c", "tls_key": "/k", "authentication": "pam"}


@pytest.mark.parametrize(
    ("flags", "lacks"),
    [
        ({"listen": "https://192.0.2.1:1", **SECURED}, None),
        ({"listen": "https://[2001:db8::1]:1?certificate=/c&key=/k", "authentication": "pam"}, None),
        ({"listen": "http://127.0.0.1:1 https://0.0.0.0:1 unix:/run/x", **SECURED}, None),
        ({"listen": "unix:/run/x"}, None),
        ({"listen": "http://192.0.2.1:1"}, "no TLS and no authentication"),
        ({"listen": "http://192.0.2.1:1", **SECURED}, "there is no TLS: set"),
        ({"listen": "https://192.0.2.1:1", **SECURED, "authentication": "none"}, "there is no authentication: set"),
        ({"listen": "https://127.0.0.1:1 http://192.0.2.1:1", **SECURED}, "http://192.0.2.1:1 is beyond loopback"),
    ],
)
def test_beyond_loopback_nobody_unknown_and_nothing_in_the_clear(flags: dict[str, object], lacks: str | None) -> None:
    if lacks is None:
        load(flags, {})
        return
    with pytest.raises(ConfigError) as refused:
        load(flags, {})
    assert lacks in refused.value.reason
    load({**flags, "insecure_listen": True}, {})


def test_certificates_need_https() -> None:
    flags = {"authentication": "certificate", "client_ca": "/ca"}
    with pytest.raises(ConfigError, match="certificate needs an https URL"):
        load(flags, {})
    load({**flags, "listen": "https://127.0.0.1:1?certificate=/c&key=/k"}, {})


@pytest.mark.parametrize(
    ("url", "base", "certificate"),
    [
        ("https://[::1]:1/?certificate=/a%20b/c&key=/k", "https://[::1]:1", "/a b/c"),
        ("https://h", "https://h", None),
        ("unix:/run/virtcim/socket", "unix:/run/virtcim/socket", None),
    ],
)
def test_listen_taken_apart(url: str, base: str, certificate: str | None) -> None:
    flags = {"listen": url, **SECURED, "insecure_listen": True}
    parts = listen(load(flags, {})[0].listen[0])
    assert (parts.url, parts.certificate) == (base, certificate and Path(certificate))


def test_one_uri_a_platform_needs_no_uuids() -> None:
    flags = {"connect": ("qemu:///system", "test:///default", "lxc:///system")}
    assert len(load(flags, {})[0].connect) == 3


def test_several_hosts_of_a_platform_need_uuids() -> None:
    hosts = ("qemu:///system", "qemu+tls://host2/system")
    assert load({"connect": hosts, "naming": "uuid"}, {})[0].connect == hosts


def test_legacy_resource_types_need_names() -> None:
    with pytest.raises(ConfigError, match=r"legacy_resource_types .*: needs naming: name"):
        load({"naming": "uuid", "legacy_resource_types": True}, {})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:80", ("127.0.0.1", 80)),
        ("http://[::1]:0/", ("::1", 0)),
        ("http://localhost", ("localhost", 5988)),
        ("https://localhost?certificate=/c&key=/k", ("localhost", 5989)),
    ],
)
def test_endpoint(url: str, expected: tuple[str, int]) -> None:
    (kept,) = load({"listen": url}, {})[0].listen
    assert endpoint(kept) == expected


def test_what_is_printed_can_be_loaded_again(tmp_path: Path) -> None:
    flags = {
        "listen": "http://[::1]:0",
        "connect": "qemu:///system",
        "naming": "uuid",
        "state_dir": tmp_path,
        "log_level": "error",
        "access_file": "~/access.yaml",
    }
    settings, origins = load(flags, {"VIRTCIM_CIMV2_ALIAS": "yes"})
    text = render(settings, origins)
    assert "naming: uuid  # flag --naming" in text
    assert "cimv2_alias: true  # environment VIRTCIM_CIMV2_ALIAS" in text
    again, _ = load({}, {}, yaml_file(tmp_path, text))
    assert again == settings


def test_every_setting_is_documented() -> None:
    settings, origins = load({}, {})
    text = render(settings, origins)
    assert set(yaml.safe_load(text)) == {spec.name for spec in fields(Settings)}
    assert all(words.endswith(".") and words in text for words in help_texts().values())
