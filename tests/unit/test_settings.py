"""The settings file: what is good, what is bad, and that each error names its place and its key."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import SettingsError
from resolver.settings import (
    _OVERRIDES,
    PRIVATE_NETWORKS,
    SNAPSHOT,
    Admin,
    Dns,
    Endpoint,
    Settings,
    Upstream,
    UpstreamAddress,
    load,
    parse_endpoint,
    parse_upstream,
    snapshot,
)

EXAMPLE = Path(__file__).resolve().parents[2] / "belisha.example.toml"

EVERY_KEY = """
data_dir = "state"
lists_dir = "mine"
user = "dns"
[dns]
listen = ["0.0.0.0:53", "[::]:53"]
workers = 4
datapath = "asyncio"
allow = ["private", "198.51.100.0/24", "2001:db8::/32"]
cache_mb = 64
[[upstream]]
url = "udp://192.0.2.53"
[[upstream]]
url = "tcp://[2001:db8::53]:5353"
[admin]
listen = "[::1]:8080"
body_mb = 1
list_mb = 2
body_seconds = 3
require_reason = true
keep_generations = 4
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "belisha.toml"
    path.write_text(text, "utf-8")
    return path


def read(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Settings:
    return load(written(folder, text), environment or {})


def test_every_key_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, EVERY_KEY) == Settings(
        data_dir=str(tmp_path / "state"),
        lists_dir=str(tmp_path / "mine"),
        user="dns",
        dns=Dns(
            listen=("0.0.0.0:53", "[::]:53"),
            workers=4,
            datapath="asyncio",
            allow=("private", "198.51.100.0/24", "2001:db8::/32"),
            cache_mb=64,
        ),
        upstream=(Upstream("udp://192.0.2.53"), Upstream("tcp://[2001:db8::53]:5353")),
        admin=Admin(
            listen="[::1]:8080",
            body_mb=1,
            list_mb=2,
            body_seconds=3,
            require_reason=True,
            keep_generations=4,
        ),
    )


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Settings(data_dir=str(tmp_path / "var"))


def test_no_file_at_all_keeps_its_data_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Settings(data_dir=str(tmp_path / "var"))


def test_absolute_folders_stay_where_they_are(tmp_path: Path) -> None:
    settings = read(tmp_path, 'data_dir = "/srv/belisha"\nlists_dir = "/srv/lists"')
    assert (settings.data_dir, settings.lists_dir) == ("/srv/belisha", "/srv/lists")


# --- The example -------------------------------------------------------------------------------


def keys_of(document: Mapping[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in document.items():
        if isinstance(value, dict):
            found |= keys_of(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            found |= keys_of(value[0], f"{prefix}{key}.")
        else:
            found.add(prefix + key)
    return found


def keys_of_type(kind: Any, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        inner = Upstream if field.name == "upstream" else field.type
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            found |= keys_of_type(inner, f"{prefix}{field.name}.")
        else:
            found.add(prefix + field.name)
    return found


def test_the_example_says_what_the_defaults_are() -> None:
    assert load(EXAMPLE, {}) == Settings(data_dir=str(EXAMPLE.parent / "var"))


def test_the_example_shows_every_key() -> None:
    assert keys_of(tomllib.loads(EXAMPLE.read_text("utf-8"))) == keys_of_type(Settings)


def test_every_key_of_the_example_is_explained() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"[a-z_]+ = ", line)]
    assert len(keys) > len(keys_of_type(Settings)) - 1
    for number in keys:
        assert lines[number - 1].startswith("# "), f"no comment stands above: {lines[number]}"


def test_the_example_names_every_variable_beside_its_key() -> None:
    text = EXAMPLE.read_text("utf-8")
    for variable, (dotted, _) in _OVERRIDES.items():
        key = dotted.rpartition(".")[2]
        mark = f"[[{key}]]" if key == "upstream" else f"{key} = "
        beside = re.search(rf"\({variable}\b[^)]*\)\n{re.escape(mark)}", text)
        assert beside, f"{variable} does not stand right above {mark}"


# --- The environment ---------------------------------------------------------------------------

OVERRIDES: list[tuple[str, str, str, object]] = [
    ("BELISHA_DATA_DIR", "/srv/state", "data_dir", "/srv/state"),
    ("BELISHA_LISTS_DIR", "/srv/lists", "lists_dir", "/srv/lists"),
    ("BELISHA_USER", "dns", "user", "dns"),
    (
        "BELISHA_UPSTREAM",
        "udp://192.0.2.1, tcp://192.0.2.2:5300",
        "upstream",
        (Upstream("udp://192.0.2.1"), Upstream("tcp://192.0.2.2:5300")),
    ),
    ("BELISHA_DNS_LISTEN", "0.0.0.0:53 , [::]:53", "dns.listen", ("0.0.0.0:53", "[::]:53")),
    ("BELISHA_DNS_WORKERS", "3", "dns.workers", 3),
    ("BELISHA_DNS_DATAPATH", "native", "dns.datapath", "native"),
    ("BELISHA_DNS_ALLOW", "198.51.100.0/24", "dns.allow", ("198.51.100.0/24",)),
    ("BELISHA_DNS_CACHE_MB", " 8 ", "dns.cache_mb", 8),
    ("BELISHA_ADMIN_LISTEN", "127.0.0.1:9000", "admin.listen", "127.0.0.1:9000"),
    ("BELISHA_ADMIN_BODY_MB", "5", "admin.body_mb", 5),
    ("BELISHA_ADMIN_LIST_MB", "6", "admin.list_mb", 6),
    ("BELISHA_ADMIN_BODY_SECONDS", "7", "admin.body_seconds", 7),
    ("BELISHA_ADMIN_REQUIRE_REASON", "Yes", "admin.require_reason", True),
    ("BELISHA_ADMIN_KEEP_GENERATIONS", "9", "admin.keep_generations", 9),
]


def at(settings: Settings, dotted: str) -> object:
    value: object = settings
    for name in dotted.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize(("variable", "text", "dotted", "value"), OVERRIDES)
@pytest.mark.parametrize("file", ["", EVERY_KEY], ids=["empty file", "full file"])
def test_the_environment_wins(
    tmp_path: Path, file: str, variable: str, text: str, dotted: str, value: object
) -> None:
    assert at(read(tmp_path, file, {variable: text}), dotted) == value


def test_every_variable_is_in_the_table_above() -> None:
    assert {row[0] for row in OVERRIDES} == set(_OVERRIDES)


def test_every_key_has_a_variable() -> None:
    assert {dotted for dotted, _ in _OVERRIDES.values()} == {
        key.removesuffix(".url") for key in keys_of_type(Settings)
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", True),
        ("true", True),
        ("on", True),
        ("0", False),
        ("False", False),
        ("no", False),
        ("off", False),
    ],
)
def test_words_for_true_and_false(tmp_path: Path, text: str, value: bool) -> None:
    settings = read(tmp_path, "", {"BELISHA_ADMIN_REQUIRE_REASON": text})
    assert settings.admin.require_reason is value


BAD_VARIABLES = [
    ("BELISHA_DNS_WORKERS", "two", "BELISHA_DNS_WORKERS: `two` is not a whole number"),
    ("BELISHA_DNS_WORKERS", "", "BELISHA_DNS_WORKERS: `` is not a whole number"),
    ("BELISHA_DNS_WORKERS", "9" * 5000, "is not a whole number"),
    ("BELISHA_DNS_WORKERS", "-1", "BELISHA_DNS_WORKERS (dns.workers): expected `int` >= 1"),
    ("BELISHA_DNS_DATAPATH", "fast", "BELISHA_DNS_DATAPATH (dns.datapath): invalid enum value 'fast'"),
    ("BELISHA_DNS_LISTEN", "", "BELISHA_DNS_LISTEN (dns.listen): at least one is needed"),
    ("BELISHA_DNS_LISTEN", "127.0.0.1:53,nowhere", "BELISHA_DNS_LISTEN (dns.listen[1]): `nowhere` is not"),
    ("BELISHA_DNS_ALLOW", "everyone", "BELISHA_DNS_ALLOW (dns.allow[0]): `everyone` is neither"),
    ("BELISHA_UPSTREAM", " , ", "BELISHA_UPSTREAM (upstream): at least one is needed"),
    ("BELISHA_UPSTREAM", "192.0.2.1", "BELISHA_UPSTREAM (upstream[0].url): `192.0.2.1` is not udp://"),
    ("BELISHA_ADMIN_REQUIRE_REASON", "maybe", "BELISHA_ADMIN_REQUIRE_REASON: `maybe` is not true or false"),
]


@pytest.mark.parametrize(("variable", "text", "message"), BAD_VARIABLES)
def test_a_bad_variable_is_named(tmp_path: Path, variable: str, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, EVERY_KEY, {variable: text})
    assert message in str(caught.value)


# --- Bad files ---------------------------------------------------------------------------------

BAD_FILES = [
    ("data_dir = ", "is not TOML: Invalid value (at end of document)"),
    ("[dns\n", "is not TOML"),
    ("dns = 5", "dns: expected `object`, got `int`"),
    ("data_dir = 5", "data_dir: expected `str`, got `int`"),
    ("colour = 1", "colour: there is no such key"),
    ("[dns]\nport = 53", "dns.port: there is no such key"),
    ("[dns]\nlisten = '127.0.0.1:53'", "dns.listen: expected `array`, got `str`"),
    ("[dns]\nlisten = [53]", "dns.listen[0]: expected `str`, got `int`"),
    ("[dns]\nlisten = []", "dns.listen: at least one is needed"),
    ("[dns]\nlisten = ['localhost:53']", "dns.listen[0]: `localhost:53` is not ADDRESS:PORT"),
    ("[dns]\nlisten = ['127.0.0.1']", "dns.listen[0]: `127.0.0.1` is not ADDRESS:PORT"),
    ("[dns]\nlisten = ['::1:53']", "dns.listen[0]: `::1:53` is not ADDRESS:PORT"),
    ("[dns]\nlisten = ['127.0.0.1:65536']", "dns.listen[0]: `127.0.0.1:65536`: a port is between"),
    ("[dns]\nlisten = ['127.0.0.1:53', '127.0.0.1:53']", "dns.listen[1]: `127.0.0.1:53` stands there twice"),
    ("[dns]\nlisten = ['[::1]:53', '[0:0::1]:53']", "dns.listen[1]: `[0:0::1]:53` stands there twice"),
    ("[dns]\nworkers = 0", "dns.workers: expected `int` >= 1"),
    ("[dns]\nworkers = 65", "dns.workers: expected `int` <= 64"),
    ("[dns]\nworkers = true", "dns.workers: expected `int`, got `bool`"),
    ("[dns]\ndatapath = 'rust'", "dns.datapath: invalid enum value 'rust'"),
    ("[dns]\nallow = ['all']", "dns.allow[0]: `all` is neither `private` nor a prefix"),
    ("[dns]\nallow = ['10.0.0.0/33']", "dns.allow[0]: `10.0.0.0/33` is neither"),
    ("[dns]\ncache_mb = 0", "dns.cache_mb: expected `int` >= 1"),
    ("upstream = []", "upstream: at least one is needed"),
    ("[[upstream]]\nurl = ''", "upstream[0].url: `` is not udp://"),
    ("[[upstream]]", "upstream[0]: object missing required field `url`"),
    ("[[upstream]]\nurl = 'tls://192.0.2.1'", "upstream[0].url: `tls://192.0.2.1`: tls:// is not in this"),
    ("[[upstream]]\nurl = 'udp://192.0.2.1'\n[[upstream]]\nurl = 'udp://192.0.2.1:53'", "stands there twice"),
    ("[admin]\nlisten = '8053'", "admin.listen: `8053` is not ADDRESS:PORT"),
    ("[admin]\nbody_seconds = 3601", "admin.body_seconds: expected `int` <= 3600"),
    ("[admin]\nkeep_generations = 1", "admin.keep_generations: expected `int` >= 2"),
    ("[admin]\nrequire_reason = 'yes'", "admin.require_reason: expected `bool`, got `str`"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_a_bad_file_is_told_with_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "belisha.toml"))
    assert message in str(caught.value)


def test_a_variable_does_not_hide_a_file_of_the_wrong_shape(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="dns: expected `object`"):
        read(tmp_path, "dns = 5", {"BELISHA_DNS_WORKERS": "2"})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml cannot be read: No such file"):
        load(tmp_path / "absent.toml", {})


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_octets_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "belisha.toml"
    path.write_bytes(b"data_dir = '\xff'")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(path, {})


def test_a_file_of_absurd_size_is_not_parsed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is larger than"):
        read(tmp_path, "#" * (1 << 20) + "\n")


# --- Addresses ---------------------------------------------------------------------------------

ENDPOINTS = [
    ("127.0.0.1:53", None, Endpoint("127.0.0.1", 53, 4), "127.0.0.1:53"),
    ("[::1]:53", None, Endpoint("::1", 53, 6), "[::1]:53"),
    ("[2001:DB8:0::1]:0", None, Endpoint("2001:db8::1", 0, 6), "[2001:db8::1]:0"),
    ("[fe80::1%eth0]:53", None, Endpoint("fe80::1%eth0", 53, 6), "[fe80::1%eth0]:53"),
    ("192.0.2.1", 53, Endpoint("192.0.2.1", 53, 4), "192.0.2.1:53"),
    ("192.0.2.1:5353", 53, Endpoint("192.0.2.1", 5353, 4), "192.0.2.1:5353"),
    ("2001:db8::1", 53, Endpoint("2001:db8::1", 53, 6), "[2001:db8::1]:53"),
    ("[2001:db8::1]", 53, Endpoint("2001:db8::1", 53, 6), "[2001:db8::1]:53"),
]


@pytest.mark.parametrize(("text", "default", "endpoint", "shown"), ENDPOINTS)
def test_an_endpoint(text: str, default: int | None, endpoint: Endpoint, shown: str) -> None:
    assert parse_endpoint(text, default) == endpoint
    assert str(endpoint) == shown


BAD_ENDPOINTS = ["", ":", ":53", "53", "127.0.0.1:", "127.0.0.1:+5", "127.0.0.1: 5", "127.0.0.1:-1", "[::1]"]
BAD_ENDPOINTS += ["127.0.0.1:\u0665", "127.0.0.1:99999", "[::1:53", "::1]:53", "1.2.3:53", "[::g]:53", "*:53"]


@pytest.mark.parametrize("text", BAD_ENDPOINTS)
def test_no_endpoint(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("host", "family", "wildcard"),
    [("0.0.0.0", 4, True), ("::", 6, True), ("127.0.0.1", 4, False), ("::1", 6, False)],
)
def test_wildcard_addresses_are_known(host: str, family: int, wildcard: bool) -> None:
    assert Endpoint(host, 53, family).wildcard is wildcard


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_an_endpoint_reads_back_as_itself(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    endpoint = Endpoint(str(address), port, address.version)
    assert parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=40))
def test_any_text_is_an_endpoint_or_a_settings_error(text: str) -> None:
    for default in (None, 53):
        try:
            endpoint = parse_endpoint(text, default)
        except SettingsError:
            continue
        assert parse_endpoint(str(endpoint)) == endpoint


UPSTREAMS = [
    ("udp://192.0.2.53", UpstreamAddress("udp", Endpoint("192.0.2.53", 53, 4))),
    ("udp://192.0.2.53:5300", UpstreamAddress("udp", Endpoint("192.0.2.53", 5300, 4))),
    ("tcp://[2001:db8::53]", UpstreamAddress("tcp", Endpoint("2001:db8::53", 53, 6))),
    ("tcp://[2001:db8::53]:5300", UpstreamAddress("tcp", Endpoint("2001:db8::53", 5300, 6))),
]


@pytest.mark.parametrize(("url", "address"), UPSTREAMS)
def test_an_upstream(url: str, address: UpstreamAddress) -> None:
    assert parse_upstream(url) == address
    assert parse_upstream(str(address)) == address


BAD_UPSTREAMS = [
    ("192.0.2.1", "is not udp://"),
    ("udp://", "is not ADDRESS:PORT"),
    ("udp://dns.example", "is not ADDRESS:PORT"),
    ("udp://192.0.2.1/path", "is not udp://"),
    ("udp://192.0.2.1?x=1", "is not udp://"),
    ("udp://someone@192.0.2.1", "is not ADDRESS:PORT"),
    ("udp://192.0.2.1:0", "names no server"),
    ("udp://0.0.0.0", "names no server"),
    ("udp://[::1", "is not udp://"),
    ("https://192.0.2.1", "https:// is not in this version; use udp://"),
    ("quic://192.0.2.1", "quic:// is not in this version"),
    ("ftp://192.0.2.1", "is not udp://"),
]


@pytest.mark.parametrize(("url", "message"), BAD_UPSTREAMS)
def test_no_upstream(url: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_upstream(url)
    assert message in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_an_upstream_or_a_settings_error(text: str) -> None:
    for url in (text, f"udp://{text}"):
        try:
            parse_upstream(url)
        except SettingsError:
            continue


# --- Networks ----------------------------------------------------------------------------------


def test_private_is_spelt_out() -> None:
    assert Settings().networks() == PRIVATE_NETWORKS
    assert ipaddress.ip_network("192.168.0.0/16") in PRIVATE_NETWORKS


def test_prefixes_stand_beside_private() -> None:
    settings = Settings(dns=Dns(allow=("private", "198.51.100.7/24", "2001:db8::1")))
    assert settings.networks() == (
        *PRIVATE_NETWORKS,
        ipaddress.ip_network("198.51.100.0/24"),
        ipaddress.ip_network("2001:db8::1/128"),
    )


def test_nobody_may_be_served() -> None:
    assert Settings(dns=Dns(allow=())).networks() == ()


# --- Children ----------------------------------------------------------------------------------


def test_a_child_finds_what_the_supervisor_read(tmp_path: Path) -> None:
    path = written(tmp_path, EVERY_KEY)
    settings = load(path, {"BELISHA_DNS_CACHE_MB": "7"})
    environment = {**snapshot(settings), "BELISHA_DNS_CACHE_MB": "8"}
    path.write_text("[dns]\nworkers = 9")  # edited since, or not readable any more
    assert load(path, environment) == settings
    assert load(None, environment) == settings


@pytest.mark.parametrize("text", ["", "{", '{"dns": 5}', '{"colour": 1}'])
def test_a_snapshot_that_is_none(text: str) -> None:
    with pytest.raises(SettingsError, match=f"{SNAPSHOT} cannot be read"):
        load(None, {SNAPSHOT: text})


def test_what_does_not_fit_into_one_variable_is_told() -> None:
    with pytest.raises(SettingsError, match="the settings are too long"):
        snapshot(Settings(dns=Dns(allow=("198.51.100.0/24",) * 8000)))


def test_the_largest_file_fits_into_one_variable(tmp_path: Path) -> None:
    """The kernel takes 128 KiB for each; beyond, no child could be started."""
    prefixes = ", ".join(f'"198.51.{n % 256}.{n // 256}/32"' for n in range(3300))
    text = f"[dns]\nallow = [{prefixes}]\n"
    assert 60_000 < len(text) < 1 << 16
    assert len(snapshot(read(tmp_path, text))[SNAPSHOT]) < 131_072 - len(SNAPSHOT) - 2


WILDCARDS = [
    (["0.0.0.0:53", "127.0.0.1:53"], "dns.listen[1]: `127.0.0.1:53` is already part of `0.0.0.0:53`"),
    (["[::1]:53", "[::]:53"], "dns.listen[0]: `[::1]:53` is already part of `[::]:53`"),
    (["0.0.0.0:53", "[::]:53"], ""),
    (["0.0.0.0:53", "127.0.0.1:54"], ""),
    (["0.0.0.0:53", "[::1]:53"], ""),
    (["0.0.0.0:0", "127.0.0.1:0", "127.0.0.1:0"], ""),
]


@pytest.mark.parametrize(("listen", "message"), WILDCARDS)
def test_a_wildcard_holds_its_port_on_every_address(tmp_path: Path, listen: list[str], message: str) -> None:
    text = f"[dns]\nlisten = {listen}"
    if not message:
        assert list(read(tmp_path, text).dns.listen) == listen
        return
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "reachable"),
    [
        (Endpoint("0.0.0.0", 53, 4), Endpoint("127.0.0.1", 53, 4)),
        (Endpoint("::", 53, 6), Endpoint("::1", 53, 6)),
        (Endpoint("192.0.2.1", 53, 4), Endpoint("192.0.2.1", 53, 4)),
    ],
)
def test_where_this_machine_reaches_what_listens(endpoint: Endpoint, reachable: Endpoint) -> None:
    assert endpoint.reachable() == reachable
