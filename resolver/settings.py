"""The static file: where to listen, whom to ask, where to keep things. TOML into typed structs.

What is blocked is never said here; it lives in generations and changes through the admin API. A
key can be overridden from the environment as BELISHA_<SECTION>_<KEY> (`BELISHA_DNS_LISTEN`),
lists separated by commas; `BELISHA_UPSTREAM` holds upstream URLs. Whatever is wrong is told with
the place that has to be corrected, the file or the variable, and the key.

`belisha.example.toml` in the root of the repository shows every key with the default that stands
here; a test keeps the two equal.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from resolver.errors import SettingsError
from resolver.upstreams import (
    Upstream,
    bootstraps,
    faults,
    parse_bootstrap,
    parse_endpoint,
    parse_pin,
    parse_suffix,
    parse_upstream,
    read_upstream,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",  # RFC 1122 3.2.1.3
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",  # RFC 3927
        "::1/128",  # RFC 4291 2.5.3
        "fc00::/7",  # RFC 4193
        "fe80::/10",  # RFC 4291 2.5.6
    )
)
"""What `allow = ["private"]` stands for."""

Megabytes = Annotated[int, msgspec.Meta(ge=1, le=65_536)]


Rate = Literal["auto"] | Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
"""A number a second; 0: no limit; "auto": none for private networks and sites, a careful one for others."""

Strategy = Literal["order", "fastest", "race"]
"""Which upstream is asked first: the first that is well, the fastest, or two at once."""

Ttl = Annotated[int, msgspec.Meta(ge=0, le=604_800)]
"""Seconds, at most seven days (RFC 8767 4)."""


class Dns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[dns]`: the addresses DNS is served on, by how many processes, to whom, and how.

    strategy                 which upstream is asked first
    bootstrap                upstreams, by address, that resolve the names in the URLs of others
    randomize_case           whether questions go out in random case (draft-vixie-dnsext-dns0x20)
    cookies                  whether cookies are asked for and given (RFC 7873)
    cache_mb                 megabytes of answers for each worker
    min_ttl, max_ttl         bounds of the seconds that an answer is kept
    stale                    seconds that an answer may be given after its time when nobody answers (RFC 8767)
    prefetch                 whether popular answers are fetched again before their time is over
    save_cache               whether answers are kept on disk from a stop to the next start
    dns64                    prefix of addresses made for names without an IPv6 address (RFC 6147), or ""
    queries_per_second       of one client network (/24, /56)
    responses_per_second     equal ones to one client network
    in_flight                questions that wait for upstreams, of all clients and of one
    tcp_connections          of all clients and of one
    """

    listen: tuple[str, ...] = ("127.0.0.1:1053", "[::1]:1053")
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    datapath: Literal["auto", "asyncio", "native"] = "auto"
    allow: tuple[str, ...] = ("private",)
    strategy: Strategy = "order"
    bootstrap: tuple[str, ...] = ()
    randomize_case: bool = False
    cookies: bool = True
    cache_mb: Megabytes = 32
    min_ttl: Ttl = 0
    max_ttl: Ttl = 86_400
    stale: Ttl = 86_400
    prefetch: bool = True
    save_cache: bool = True
    dns64: str = ""
    queries_per_second: Rate = "auto"
    responses_per_second: Rate = "auto"
    in_flight: Annotated[int, msgspec.Meta(ge=64, le=60_000)] = 8192
    in_flight_client: Annotated[int, msgspec.Meta(ge=16, le=60_000)] = 4096
    tcp_connections: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 2000
    tcp_connections_client: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 100


class Admin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[admin]`: the HTTP API. Sizes in megabytes (2^20 octets), `body_seconds` in seconds."""

    listen: str = "127.0.0.1:8053"
    body_mb: Megabytes = 64
    list_mb: Megabytes = 256
    body_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 120
    require_reason: bool = False
    keep_generations: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 50


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file.

    `data_dir` holds generations and tokens; `lists_dir` what the first start imports ("" = what
    ships with Belisha); `user` is the account to change to once the sockets are open ("" = stay).
    """

    data_dir: str = "var"
    lists_dir: str = ""
    user: str = ""
    dns: Dns = msgspec.field(default_factory=Dns)
    upstream: tuple[Upstream, ...] = (Upstream("udp://9.9.9.9"), Upstream("udp://149.112.112.112"))
    admin: Admin = msgspec.field(default_factory=Admin)

    def networks(self) -> tuple[Network, ...]:
        """The networks that are served, `private` spelt out."""
        return tuple(network for text in self.dns.allow for network in parse_network(text))


def parse_network(text: str) -> tuple[Network, ...]:
    """One word of `dns.allow` → the networks it stands for. Raises SettingsError.

    Host bits are ignored (`192.168.1.7/24` is its network), as people copy them from `ip addr`.
    """
    if text == "private":
        return PRIVATE_NETWORKS
    try:
        return (ipaddress.ip_network(text, strict=False),)
    except ValueError:
        raise SettingsError(f"`{text}` is neither `private` nor a prefix such as 10.0.0.0/8") from None


_PREFIX_LENGTHS: Final = (32, 40, 48, 56, 64, 96)
"""RFC 6052 2.2."""


def parse_prefix64(text: str) -> ipaddress.IPv6Network:
    """`64:ff9b::/96` → the prefix that IPv4 addresses are embedded in. Raises SettingsError."""
    try:
        prefix = ipaddress.IPv6Network(text)
    except ValueError:
        raise SettingsError(f"`{text}` is no IPv6 prefix such as 64:ff9b::/96") from None
    if "/" not in text or prefix.prefixlen not in _PREFIX_LENGTHS:
        raise SettingsError(f"`{text}`: a prefix for DNS64 has 32, 40, 48, 56, 64 or 96 bits (RFC 6052 2.2)")
    if prefix.network_address.packed[8]:
        raise SettingsError(f"`{text}`: bits 64 to 71 of a prefix for DNS64 are zero (RFC 6052 2.2)")
    return prefix


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file (None = defaults alone), lay the environment over it, check everything.

    A relative `data_dir` or `lists_dir` is taken from the folder of the file, or from the working
    folder without one. In a child of the supervisor, what the supervisor read is taken instead (see
    `snapshot`). Raises SettingsError naming the file or the variable, and the key.
    """
    if (kept := environment.get(SNAPSHOT)) is not None:
        return _from_snapshot(kept)
    source = _Source(str(path) if path else "the defaults")
    document = _read(path) if path else {}
    source.overlay(document, environment)
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise source.error(*_explain(str(error))) from error
    folder = path.absolute().parent if path else Path.cwd()
    settings = msgspec.structs.replace(
        settings,
        data_dir=str(folder / settings.data_dir),
        lists_dir=str(folder / settings.lists_dir) if settings.lists_dir else "",
    )
    _check(settings, source)
    return settings


SNAPSHOT: Final = "BELISHA_SETTINGS"
"""The variable with the settings in force, as JSON."""


_MAX_SNAPSHOT: Final = 120_000
"""Octets; the kernel takes 128 KiB with the name of the variable."""


def snapshot(settings: Settings) -> dict[str, str]:
    """What to add to the environment of a child, so that its `load` finds these very settings.

    A worker that is started again must serve what the others serve, even when the file was edited
    meanwhile; and after privileges were dropped, nobody may be able to read the file any more.
    Raises SettingsError when they do not fit into a variable.
    """
    text = msgspec.json.encode(settings).decode()
    if len(text.encode()) > _MAX_SNAPSHOT:
        raise SettingsError("the settings are too long; name fewer and larger networks in dns.allow")
    return {SNAPSHOT: text}


def _from_snapshot(text: str) -> Settings:
    """The settings that the supervisor handed over. Raises SettingsError."""
    try:
        return msgspec.json.decode(text, type=Settings)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{SNAPSHOT} cannot be read: {error}") from error


def _read(path: Path) -> dict[str, object]:
    """The TOML document of a file of sane size. Raises SettingsError naming the file."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
        if len(data) > _MAX_FILE:
            raise SettingsError(f"{path} is larger than {_MAX_FILE} octets: this is no settings file")
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error


_MAX_FILE: Final = 1 << 16
"""Octets. Far above any real file, and below what one variable of a child may hold (128 KiB)."""

_OVERRIDES: Final[dict[str, tuple[str, type]]] = {
    "BELISHA_DATA_DIR": ("data_dir", str),
    "BELISHA_LISTS_DIR": ("lists_dir", str),
    "BELISHA_USER": ("user", str),
    "BELISHA_UPSTREAM": ("upstream", list),
    "BELISHA_DNS_LISTEN": ("dns.listen", list),
    "BELISHA_DNS_WORKERS": ("dns.workers", int),
    "BELISHA_DNS_DATAPATH": ("dns.datapath", str),
    "BELISHA_DNS_ALLOW": ("dns.allow", list),
    "BELISHA_DNS_STRATEGY": ("dns.strategy", str),
    "BELISHA_DNS_BOOTSTRAP": ("dns.bootstrap", list),
    "BELISHA_DNS_RANDOMIZE_CASE": ("dns.randomize_case", bool),
    "BELISHA_DNS_COOKIES": ("dns.cookies", bool),
    "BELISHA_DNS_CACHE_MB": ("dns.cache_mb", int),
    "BELISHA_DNS_MIN_TTL": ("dns.min_ttl", int),
    "BELISHA_DNS_MAX_TTL": ("dns.max_ttl", int),
    "BELISHA_DNS_STALE": ("dns.stale", int),
    "BELISHA_DNS_PREFETCH": ("dns.prefetch", bool),
    "BELISHA_DNS_SAVE_CACHE": ("dns.save_cache", bool),
    "BELISHA_DNS_DNS64": ("dns.dns64", str),
    "BELISHA_DNS_QUERIES_PER_SECOND": ("dns.queries_per_second", object),
    "BELISHA_DNS_RESPONSES_PER_SECOND": ("dns.responses_per_second", object),
    "BELISHA_DNS_IN_FLIGHT": ("dns.in_flight", int),
    "BELISHA_DNS_IN_FLIGHT_CLIENT": ("dns.in_flight_client", int),
    "BELISHA_DNS_TCP_CONNECTIONS": ("dns.tcp_connections", int),
    "BELISHA_DNS_TCP_CONNECTIONS_CLIENT": ("dns.tcp_connections_client", int),
    "BELISHA_ADMIN_LISTEN": ("admin.listen", str),
    "BELISHA_ADMIN_BODY_MB": ("admin.body_mb", int),
    "BELISHA_ADMIN_LIST_MB": ("admin.list_mb", int),
    "BELISHA_ADMIN_BODY_SECONDS": ("admin.body_seconds", int),
    "BELISHA_ADMIN_REQUIRE_REASON": ("admin.require_reason", bool),
    "BELISHA_ADMIN_KEEP_GENERATIONS": ("admin.keep_generations", int),
}
"""Variable -> the key it overrides, and how its text is read."""

_KINDS: Final = {int: "a whole number", object: "a whole number or auto", bool: "true or false"}
"""How to say what a variable should have been; `object` stands for `Rate`."""

_BOOLEANS: Final = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)


class _Source:
    """Where each key came from: the file, or the variable that overrides it."""

    def __init__(self, where: str) -> None:
        """`where` is what an error names when no variable is to blame."""
        self._where = where
        self._variables: dict[str, str] = {}

    def overlay(self, document: dict[str, object], environment: Mapping[str, str]) -> None:
        """Put what the environment says into the document, in place. Raises SettingsError.

        A variable that is set but empty counts too: it is a mistake to be told of, and not a wish
        for what the file says.
        """
        for variable, (dotted, kind) in _OVERRIDES.items():
            text = environment.get(variable)
            if text is None:
                continue
            section, _, key = dotted.rpartition(".")
            target = document.setdefault(section, {}) if section else document
            if not isinstance(target, dict):
                continue  # `dns = 5`: the conversion tells it better
            value = _value(variable, text, kind)
            target[key] = [{"url": url} for url in value] if dotted == "upstream" else value
            self._variables[dotted] = variable

    def error(self, key: str, text: str) -> SettingsError:
        """The error for a key (`dns.listen`, `upstream[1].url`), naming who has to correct it."""
        for dotted, variable in self._variables.items():
            if key == dotted or key.startswith((f"{dotted}[", f"{dotted}.")):
                return SettingsError(f"{variable} ({key}): {text}")
        return SettingsError(f"{self._where}: {key}: {text}" if key else f"{self._where}: {text}")


def _value(variable: str, text: str, kind: type) -> Any:
    """The text of a variable as its key wants it. Raises SettingsError naming the variable.

    A number of more than 18 digits is no number here: int() would take seconds over a long one.
    """
    if kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if kind is object and text.strip() == "auto":
        return "auto"
    if kind in (int, object) and re.fullmatch(r"-?[0-9]{1,18}", text.strip()):
        return int(text)
    if kind is str:
        return text
    raise SettingsError(f"{variable}: `{text}` is not {_KINDS[kind]}")


def _explain(text: str) -> tuple[str, str]:
    """msgspec's "Expected `int`, got `str` - at `$.dns.workers`" → ("dns.workers", "expected ...")."""
    message, _, path = text.partition(" - at ")
    key = path.strip("`").removeprefix("$").removeprefix(".")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown:
        return ".".join(part for part in (key, unknown[1]) if part), "there is no such key"
    return key, message[:1].lower() + message[1:]


def _check(settings: Settings, source: _Source) -> None:
    """What types cannot say: that addresses can be read, that something is named, and once.

    Everything that a child will read again is read here first, so that a mistake ends `belisha serve`
    with a sentence instead of ending every child. Raises SettingsError.
    """
    for key, values in (("dns.listen", settings.dns.listen), ("upstream", settings.upstream)):
        if not values:
            raise source.error(key, "at least one is needed")
    seen: set[tuple[str, object]] = set()
    for key, text, read in _readings(settings):
        try:
            value = read(text)
        except SettingsError as error:
            raise source.error(key, str(error)) from None
        # Port 0 asks for any free port, so two of them are not the same place.
        if (key.rpartition("[")[0], value) in seen and not text.endswith(":0"):
            raise source.error(key, f"`{text}` stands there twice")
        seen.add((key.rpartition("[")[0], value))
    _check_wildcards(settings.dns.listen, source)
    _check_upstreams(settings, source)
    for key, smaller, larger in _PAIRS:
        if getattr(settings.dns, smaller) > getattr(settings.dns, larger):
            raise source.error(f"dns.{key}", f"dns.{smaller} is above dns.{larger}")


_PAIRS: Final = (
    ("min_ttl", "min_ttl", "max_ttl"),
    ("in_flight_client", "in_flight_client", "in_flight"),
)
"""The key to blame, and which keys of `[dns]` must not be above which."""


def _readings(settings: Settings) -> list[tuple[str, str, Callable[[str], object]]]:
    """Key, text, and what reads it, for all that is more than a word or a number."""
    dns, found = settings.dns, list[tuple[str, str, Callable[[str], object]]]()
    lists: list[tuple[str, tuple[str, ...], Callable[[str], object]]] = [
        ("dns.listen", dns.listen, parse_endpoint),
        ("dns.allow", dns.allow, parse_network),
        ("dns.bootstrap", dns.bootstrap, parse_bootstrap),
    ]
    for index, one in enumerate(settings.upstream):
        lists.append((f"upstream[{index}].names", one.names, parse_suffix))
        lists.append((f"upstream[{index}].pins", one.pins, parse_pin))
    for key, texts, read in lists:
        found += ((f"{key}[{index}]", text, read) for index, text in enumerate(texts))
    for index, one in enumerate(settings.upstream):
        # The same server may be there twice, for names of its own and for all others.
        found.append((f"upstream[{index}].url", one.url, partial(_parse_for, one.names)))
    found.append(("admin.listen", settings.admin.listen, parse_endpoint))
    if dns.dns64:
        found.append(("dns.dns64", dns.dns64, parse_prefix64))
    return found


def _parse_for(names: tuple[str, ...], url: str) -> object:
    return parse_upstream(url), names


def _check_upstreams(settings: Settings, source: _Source) -> None:
    """That each can be asked, and that somebody is there for every name. Raises SettingsError."""
    for index, one in enumerate(settings.upstream):
        for key, sentence in faults(one):
            raise source.error(f"upstream[{index}].{key}", sentence)
    if all(one.names for one in settings.upstream):
        raise source.error("upstream", "each has names, so nobody is asked for all others; add one without")
    addresses = [read_upstream(one) for one in settings.upstream]
    known = bootstraps(settings.dns.bootstrap, addresses)
    for index, address in enumerate(addresses):
        if address.named and not known:
            raise source.error(
                f"upstream[{index}].url",
                f"`{address}` must be looked up, and nobody is there to ask; name a server in dns.bootstrap",
            )


def _check_wildcards(listen: tuple[str, ...], source: _Source) -> None:
    """A wildcard address holds its port on every other address of its family. Raises SettingsError."""
    endpoints = [parse_endpoint(text) for text in listen]
    held = {(one.family, one.port): str(one) for one in endpoints if one.wildcard and one.port}
    for index, one in enumerate(endpoints):
        if not one.wildcard and (wildcard := held.get((one.family, one.port))):
            raise source.error(f"dns.listen[{index}]", f"`{one}` is already part of `{wildcard}`; drop one")
