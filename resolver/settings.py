"""The static file: where to listen, whom to ask, where to keep things. TOML into typed structs.

What is blocked is never said here; it lives in generations and changes through the admin API. A
key can be overridden from the environment as BELISHA_<SECTION>_<KEY> (`BELISHA_DNS_LISTEN`),
lists separated by commas; `BELISHA_UPSTREAM` holds upstream URLs.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from resolver.errors import SettingsError

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


class Dns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[dns]`: the addresses DNS is served on, by how many processes, to whom."""

    listen: tuple[str, ...] = ("127.0.0.1:1053", "[::1]:1053")
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    datapath: Literal["auto", "asyncio", "native"] = "auto"
    allow: tuple[str, ...] = ("private",)
    cache_mb: Megabytes = 32


class Upstream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[upstream]]`: a resolver that answers what is not blocked."""

    url: str


class Admin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[admin]`: the HTTP API. Sizes in megabytes (2^20 octets), `body_seconds` in seconds."""

    listen: str = "127.0.0.1:8053"
    body_mb: Megabytes = 64
    list_mb: Megabytes = 256
    body_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 120
    require_reason: bool = False
    keep_generations: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 50


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `user` is the account to change to once the sockets are open ("" = stay)."""

    data_dir: str = "var"
    lists_dir: str = ""
    user: str = ""
    dns: Dns = msgspec.field(default_factory=Dns)
    upstream: tuple[Upstream, ...] = (Upstream("udp://9.9.9.9"), Upstream("udp://149.112.112.112"))
    admin: Admin = msgspec.field(default_factory=Admin)

    def networks(self) -> tuple[Network, ...]:
        """The networks that are served, `private` spelt out."""
        found: list[Network] = []
        for text in self.dns.allow:
            found.extend(
                PRIVATE_NETWORKS if text == "private" else (ipaddress.ip_network(text, strict=False),)
            )
        return tuple(found)


class Endpoint(msgspec.Struct, frozen=True):
    """An address and port to listen on or to send to; `family` is 4 or 6."""

    host: str
    port: int
    family: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.family == 6 else f"{self.host}:{self.port}"

    @property
    def wildcard(self) -> bool:
        """Whether this stands for every address of the machine."""
        return ipaddress.ip_address(self.host).is_unspecified


class UpstreamAddress(msgspec.Struct, frozen=True):
    """An upstream URL taken apart."""

    scheme: str
    endpoint: Endpoint

    def __str__(self) -> str:
        return f"{self.scheme}://{self.endpoint}"


def parse_endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """`127.0.0.1:53`, `[::1]:53` → Endpoint. Raises SettingsError for anything else."""
    host, colon, port = text.rpartition(":")
    bare = not colon or text.endswith("]") or (text.count(":") > 1 and "[" not in text)
    if default_port is not None and bare:
        host, port = text, str(default_port)
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
    except ValueError:
        raise SettingsError(f"`{text}` is not ADDRESS:PORT (an IPv6 address stands in brackets)") from None
    if not 0 <= number <= 65_535:
        raise SettingsError(f"`{text}`: a port is between 0 and 65535")
    return Endpoint(str(address), number, address.version)


_PORTS = {"udp": 53, "tcp": 53}
_LATER = ("tls", "https", "quic")


def parse_upstream(url: str) -> UpstreamAddress:
    """`udp://192.0.2.53:53` → UpstreamAddress. Raises SettingsError with what would be right."""
    parts = urlsplit(url)
    if parts.scheme in _LATER:
        raise SettingsError(
            f"upstream `{url}`: {parts.scheme}:// is not in this version; use udp:// or tcp://"
        )
    if parts.scheme not in _PORTS or parts.path or parts.query or parts.username:
        raise SettingsError(f"upstream `{url}` is not udp://ADDRESS[:PORT] or tcp://ADDRESS[:PORT]")
    return UpstreamAddress(parts.scheme, parse_endpoint(parts.netloc, _PORTS[parts.scheme]))


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file (None = defaults alone), lay the environment over it, check everything.

    A relative `data_dir` or `lists_dir` is taken from the folder of the file. Raises SettingsError
    naming file and key.
    """
    where = str(path) if path else "the environment"
    try:
        document = tomllib.loads(path.read_text("utf-8")) if path else {}
    except OSError as error:
        raise SettingsError(f"{where} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where} is not TOML: {error}") from error
    _overlay(document, environment)
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}") from error
    folder = path.absolute().parent if path else Path.cwd()
    settings = msgspec.structs.replace(
        settings,
        data_dir=str(folder / settings.data_dir),
        lists_dir=str(folder / settings.lists_dir) if settings.lists_dir else "",
    )
    _check(settings, where)
    return settings


_OVERRIDES: dict[str, tuple[str | None, str, type]] = {
    "BELISHA_DATA_DIR": (None, "data_dir", str),
    "BELISHA_LISTS_DIR": (None, "lists_dir", str),
    "BELISHA_USER": (None, "user", str),
    "BELISHA_DNS_LISTEN": ("dns", "listen", list),
    "BELISHA_DNS_WORKERS": ("dns", "workers", int),
    "BELISHA_DNS_DATAPATH": ("dns", "datapath", str),
    "BELISHA_DNS_ALLOW": ("dns", "allow", list),
    "BELISHA_DNS_CACHE_MB": ("dns", "cache_mb", int),
    "BELISHA_ADMIN_LISTEN": ("admin", "listen", str),
    "BELISHA_ADMIN_BODY_MB": ("admin", "body_mb", int),
    "BELISHA_ADMIN_LIST_MB": ("admin", "list_mb", int),
    "BELISHA_ADMIN_BODY_SECONDS": ("admin", "body_seconds", int),
    "BELISHA_ADMIN_REQUIRE_REASON": ("admin", "require_reason", bool),
    "BELISHA_ADMIN_KEEP_GENERATIONS": ("admin", "keep_generations", int),
}

_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True} | dict.fromkeys(
    ("0", "false", "no", "off"), False
)


def _overlay(document: dict[str, object], environment: Mapping[str, str]) -> None:
    """Put what the environment says into the document, in place."""
    for variable, (section, key, kind) in _OVERRIDES.items():
        text = environment.get(variable)
        if text is None:
            continue
        target = document if section is None else document.setdefault(section, {})
        if isinstance(target, dict):
            target[key] = _value(variable, text, kind)
    if (urls := environment.get("BELISHA_UPSTREAM")) is not None:
        document["upstream"] = [{"url": url.strip()} for url in urls.split(",") if url.strip()]


def _value(variable: str, text: str, kind: type) -> object:
    if kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if kind is int and text.strip().lstrip("-").isdigit():
        return int(text)
    if kind is str:
        return text
    raise SettingsError(f"{variable}: `{text}` is not {'a whole number' if kind is int else 'true or false'}")


def _check(settings: Settings, where: str) -> None:
    """What types cannot say. Raises SettingsError."""
    if not settings.dns.listen:
        raise SettingsError(f"{where}: dns.listen names no address")
    if not settings.upstream:
        raise SettingsError(f"{where}: at least one [[upstream]] is needed")
    for text in (*settings.dns.listen, settings.admin.listen):
        parse_endpoint(text)
    for upstream in settings.upstream:
        parse_upstream(upstream.url)
    try:
        settings.networks()
    except ValueError as error:
        advice = "write `private` or prefixes such as 10.0.0.0/8"
        raise SettingsError(f"{where}: dns.allow: {error}; {advice}") from None
