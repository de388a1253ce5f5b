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

from resolver.errors import SettingsError
from resolver.settings import (
    _OVERRIDES,
    PRIVATE_NETWORKS,
    SNAPSHOT,
    Admin,
    Dns,
    Settings,
    load,
    snapshot,
)
from resolver.upstreams import Upstream

EXAMPLE = Path(__file__).resolve().parents[2] / "belisha.example.toml"

PIN = "A" * 43 + "="

EVERY_KEY = """
data_dir = "state"
lists_dir = "mine"
user = "dns"
[dns]
listen = ["0.0.0.0:53", "[::]:53"]
workers = 4
datapath = "asyncio"
allow = ["private", "198.51.100.0/24", "2001:db8::/32"]
strategy = "race"
bootstrap = ["udp://192.0.2.53", "tcp://192.0.2.54:5353"]
randomize_case = true
cookies = false
cache_mb = 64
min_ttl = 5
max_ttl = 3600
stale = 0
prefetch = false
save_cache = false
dns64 = "64:ff9b::/96"
queries_per_second = 50
responses_per_second = "auto"
in_flight = 1000
in_flight_client = 100
tcp_connections = 200
tcp_connections_client = 20
[[upstream]]
url = "udp://192.0.2.53"
[[upstream]]
url = "tcp://[2001:db8::53]:5353"
names = ["corp.example", "10.in-addr.arpa"]
[[upstream]]
url = "tls://dns.example"
certificate = "other.example"
opportunistic = true
[[upstream]]
url = "tls://192.0.2.55:8853"
pins = ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
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
            strategy="race",
            bootstrap=("udp://192.0.2.53", "tcp://192.0.2.54:5353"),
            randomize_case=True,
            cookies=False,
            cache_mb=64,
            min_ttl=5,
            max_ttl=3600,
            stale=0,
            prefetch=False,
            save_cache=False,
            dns64="64:ff9b::/96",
            queries_per_second=50,
            responses_per_second="auto",
            in_flight=1000,
            in_flight_client=100,
            tcp_connections=200,
            tcp_connections_client=20,
        ),
        upstream=(
            Upstream("udp://192.0.2.53"),
            Upstream("tcp://[2001:db8::53]:5353", names=("corp.example", "10.in-addr.arpa")),
            Upstream("tls://dns.example", certificate="other.example", opportunistic=True),
            Upstream("tls://192.0.2.55:8853", pins=(PIN,)),
        ),
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
    ("BELISHA_DNS_STRATEGY", "fastest", "dns.strategy", "fastest"),
    ("BELISHA_DNS_BOOTSTRAP", "udp://192.0.2.9", "dns.bootstrap", ("udp://192.0.2.9",)),
    ("BELISHA_DNS_RANDOMIZE_CASE", "true", "dns.randomize_case", True),
    ("BELISHA_DNS_COOKIES", "false", "dns.cookies", False),
    ("BELISHA_DNS_CACHE_MB", " 8 ", "dns.cache_mb", 8),
    ("BELISHA_DNS_MIN_TTL", "7", "dns.min_ttl", 7),
    ("BELISHA_DNS_MAX_TTL", "700", "dns.max_ttl", 700),
    ("BELISHA_DNS_STALE", "0", "dns.stale", 0),
    ("BELISHA_DNS_PREFETCH", "no", "dns.prefetch", False),
    ("BELISHA_DNS_SAVE_CACHE", "no", "dns.save_cache", False),
    ("BELISHA_DNS_DNS64", "2001:db8::/32", "dns.dns64", "2001:db8::/32"),
    ("BELISHA_DNS_QUERIES_PER_SECOND", "11", "dns.queries_per_second", 11),
    ("BELISHA_DNS_RESPONSES_PER_SECOND", " auto ", "dns.responses_per_second", "auto"),
    ("BELISHA_DNS_IN_FLIGHT", "5000", "dns.in_flight", 5000),
    ("BELISHA_DNS_IN_FLIGHT_CLIENT", "64", "dns.in_flight_client", 64),
    ("BELISHA_DNS_TCP_CONNECTIONS", "12", "dns.tcp_connections", 12),
    ("BELISHA_DNS_TCP_CONNECTIONS_CLIENT", "6", "dns.tcp_connections_client", 6),
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


WITHOUT_VARIABLE = {f"upstream.{key}" for key in ("names", "certificate", "pins", "opportunistic")}
"""They belong to one upstream of several, and a variable holds the URLs of all."""


def test_every_key_has_a_variable() -> None:
    assert {dotted for dotted, _ in _OVERRIDES.values()} == {
        key.removesuffix(".url") for key in keys_of_type(Settings) - WITHOUT_VARIABLE
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
    (
        "BELISHA_UPSTREAM",
        "tls://dns..example",
        "BELISHA_UPSTREAM (upstream[0].url): `dns..example` is not ADD",
    ),
    ("BELISHA_DNS_BOOTSTRAP", "192.0.2.1", "BELISHA_DNS_BOOTSTRAP (dns.bootstrap[0]): `192.0.2.1` is not"),
    ("BELISHA_DNS_STRATEGY", "best", "BELISHA_DNS_STRATEGY (dns.strategy): invalid enum value 'best'"),
    ("BELISHA_DNS_COOKIES", "2", "BELISHA_DNS_COOKIES: `2` is not true or false"),
    ("BELISHA_DNS_QUERIES_PER_SECOND", "any", "SECOND: `any` is not a whole number or auto"),
    ("BELISHA_DNS_MIN_TTL", "86401", "BELISHA_DNS_MIN_TTL (dns.min_ttl): dns.min_ttl is above dns.max_ttl"),
    ("BELISHA_DNS_DNS64", "64:ff9b::", "BELISHA_DNS_DNS64 (dns.dns64): `64:ff9b::`: a prefix for DNS64 has"),
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
    ("[[upstream]]\nurl = 'quic://192.0.2.1'", "upstream[0].url: `quic://192.0.2.1`: quic:// is not in this"),
    ("[[upstream]]\nurl = 'udp://192.0.2.1'\n[[upstream]]\nurl = 'udp://192.0.2.1:53'", "stands there twice"),
    ("[dns]\nmin_ttl = 10\nmax_ttl = 9", "dns.min_ttl: dns.min_ttl is above dns.max_ttl"),
    ("[dns]\nmax_ttl = 604801", "dns.max_ttl: expected `int` <= 604800"),
    ("[dns]\nin_flight = 100\nin_flight_client = 101", "dns.in_flight_client: dns.in_flight_client is above"),
    ("[dns]\nbootstrap = ['dns.example']", "dns.bootstrap[0]: `dns.example` is not udp://"),
    ("[dns]\nbootstrap = ['udp://dns.example']", "dns.bootstrap[0]: `dns.example` is not ADDRESS:PORT"),
    ("[dns]\nbootstrap = ['tls://192.0.2.1']", "dns.bootstrap[0]: `tls://192.0.2.1`: whoever is asked"),
    (
        "[dns]\nbootstrap = ['udp://192.0.2.1', 'udp://192.0.2.1:53']",
        "dns.bootstrap[1]: `udp://192.0.2.1:53`",
    ),
    ("[dns]\ndns64 = 'yes'", "dns.dns64: `yes` is no IPv6 prefix such as 64:ff9b::/96"),
    ("[dns]\ndns64 = '192.0.2.0/24'", "dns.dns64: `192.0.2.0/24` is no IPv6 prefix"),
    ("[dns]\ndns64 = '64:ff9b::1/96'", "dns.dns64: `64:ff9b::1/96` is no IPv6 prefix"),
    ("[dns]\ndns64 = '2001:db8::/72'", "a prefix for DNS64 has 32, 40, 48, 56, 64 or 96 bits"),
    ("[dns]\ndns64 = '2001:db8:0:0:100::/96'", "bits 64 to 71 of a prefix for DNS64 are zero"),
    ("[[upstream]]\nurl = 'udp://192.0.2.1'\nnames = ['']", "upstream[0].names[0]: `` is no name such as"),
    ("[[upstream]]\nurl = 'udp://192.0.2.1'\nnames = ['a', '.']", "upstream[0].names[1]: `.` is no name"),
    ("[[upstream]]\nurl = 'udp://192.0.2.1'\nnames = ['a', 'A.']", "upstream[0].names[1]: `A.` stands there"),
    (
        "[[upstream]]\nurl = 'udp://192.0.2.1'\nnames = ['corp.example']",
        "upstream: each has names, so nobody",
    ),
    (
        "[[upstream]]\nurl = 'udp://192.0.2.1'\ncertificate = 'dns.example'",
        "upstream[0].certificate: `udp://1",
    ),
    (
        f"[[upstream]]\nurl = 'tcp://192.0.2.1'\npins = ['{PIN}']",
        "upstream[0].pins: `tcp://192.0.2.1` has no",
    ),
    ("[[upstream]]\nurl = 'udp://192.0.2.1'\nopportunistic = true", "upstream[0].opportunistic: `udp://192"),
    ("[[upstream]]\nurl = 'tls://192.0.2.1'\ncertificate = 'a b'", "`a b` is neither a name nor an address"),
    ("[[upstream]]\nurl = 'tls://192.0.2.1'\npins = ['x']", "upstream[0].pins[0]: `x` is no pin: the base64"),
    (
        f"[[upstream]]\nurl = 'tls://192.0.2.1'\npins = ['{PIN}']\nopportunistic = true",
        "upstream[0].opportunistic: pins say that the key matters",
    ),
    ("[[upstream]]\nurl = 'tls://dns.example'", "upstream[0].url: `tls://dns.example:853` must be looked up"),
    (
        "[[upstream]]\nurl = 'tls://dns.example'\n[[upstream]]\nurl = 'udp://192.0.2.1'\nnames = ['corp']",
        "name a server in dns.bootstrap",
    ),
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


GOOD_FILES = [
    "[[upstream]]\nurl = 'tls://dns.example'\n[[upstream]]\nurl = 'udp://192.0.2.1'",
    "[dns]\nbootstrap = ['udp://192.0.2.1']\n[[upstream]]\nurl = 'tls://dns.example'",
    "[[upstream]]\nurl = 'udp://192.0.2.1'\n[[upstream]]\nurl = 'udp://192.0.2.1'\nnames = ['corp.example']",
    "[[upstream]]\nurl = 'tls://192.0.2.1'\ncertificate = '2001:db8::1'",
    *(f"[dns]\ndns64 = '2001:db8::/{length}'" for length in (32, 40, 48, 56, 64, 96)),
]


@pytest.mark.parametrize("text", GOOD_FILES)
def test_a_good_file_is_taken(tmp_path: Path, text: str) -> None:
    assert isinstance(read(tmp_path, text), Settings)


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
