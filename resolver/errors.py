"""The one error tree. A type says whose fault it is, so that a shell knows what to answer.

    BelishaError
    ├── SettingsError         whoever wrote the static file or the environment
    ├── RequestError          whoever called the admin API (or the command line): has a status
    │   └── ListRefused       ... by pushing a list that cannot be put in force as it is
    ├── UnpackError           whoever packed the octets: cut, damaged, or a bomb; has a code
    ├── WireError             whoever sent the packet: a client or an upstream
    ├── StoreError            our own disk: full, read-only, or lying
    │   ├── CorruptFile       a compiled list or manifest that does not match its hash or format
    │   └── UnknownGeneration a number that is not kept (any more)
    └── ProcessError          one of our own processes: a worker or the compiler that did not answer

An expected absence is a value (`None`), never an exception. A catch-all stands only at a shell's
edge, where it is logged as one event. Texts are plain sentences: what is wrong, then what to do.
"""

from __future__ import annotations

from collections.abc import Mapping


class BelishaError(Exception):
    """Everything that Belisha raises on purpose."""


class SettingsError(BelishaError):
    """The static file or an environment variable is wrong; the text names the key."""


class RequestError(BelishaError):
    """A request that cannot be met, in the terms of RFC 9457 (problem details).

    `code` is the stable last part of the problem type; `status` the HTTP status; `title` the same
    for every problem of that code; `detail` says what is wrong this time and what to do; `extra`
    holds the extension members (JSON-ready).
    """

    def __init__(
        self, status: int, code: str, title: str, detail: str, extra: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.extra: dict[str, object] = dict(extra or {})


class ListRefused(RequestError):
    """A list as a whole was refused (422): nothing was written, the old one stays in force.

    `code` is one of the codes of `resolver.rules`; `extra` may carry the parse report under
    "report" and the offending lines under "errors" (number, text, code, message).
    """

    def __init__(self, code: str, title: str, detail: str, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(422, code, title, detail, extra)


class UnpackError(BelishaError):
    """Packed octets that cannot be undone, or not within the bound.

    `code` is one of `encoding-broken`, `body-truncated`, `list-too-large`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class WireError(BelishaError):
    """A DNS message that cannot be read. `offset` is the octet where reading stopped."""

    def __init__(self, text: str, offset: int = 0) -> None:
        super().__init__(f"{text} (octet {offset})")
        self.offset = offset


class StoreError(BelishaError):
    """Our own disk failed us: full, read-only, or an input/output error."""


class CorruptFile(StoreError):
    """A file whose content does not match its hash or its format; the text names it."""


class UnknownGeneration(StoreError):
    """A generation that is not kept (any more), or none at all is in force yet."""


class ProcessError(BelishaError):
    """A worker or the compiler did not do its part in time."""
