"""Contexts, reasons, and what the operator hears. Handshakes are in test_dialling.py."""

from __future__ import annotations

import ssl

import msgspec
import pytest

from resolver.serving import tls
from resolver.upstreams import parse_upstream

BY_NAME = parse_upstream("tls://dns.example")
BY_PIN = msgspec.structs.replace(BY_NAME, pins=(bytes(32),))
UNCHECKED = msgspec.structs.replace(BY_NAME, opportunistic=True)


def test_by_name_everything_is_checked() -> None:
    context = tls.context_for(BY_NAME)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.hostname_checks_common_name


@pytest.mark.parametrize("address", [BY_PIN, UNCHECKED], ids=["by pin", "opportunistic"])
def test_without_a_name_the_context_checks_nothing(address: object) -> None:
    assert isinstance(address, type(BY_NAME))
    context = tls.context_for(address)
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("address", [BY_NAME, BY_PIN, UNCHECKED], ids=["by name", "by pin", "opportunistic"])
def test_old_versions_are_not_spoken(address: object) -> None:
    assert isinstance(address, type(BY_NAME))
    assert tls.context_for(address).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_handshake_that_is_not_there_is_a_fault_for_all() -> None:
    for address in (BY_NAME, BY_PIN, UNCHECKED):
        assert tls.fault(address, None)


def verification(code: int) -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "something else"
    return error


def unagreed(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "handshake failure")
    error.reason = reason
    return error


REASONS = [
    (verification(10), "the certificate has expired"),
    (verification(9), "the certificate is not valid yet; is this machine's clock right?"),
    (verification(62), "the certificate is for another name"),
    (verification(64), "the certificate is for another address"),
    (verification(18), "the certificate was issued by itself; name its pin"),
    (verification(20), "the issuer of the certificate is unknown to this system"),
    (verification(99), "something else"),
    (unagreed("UNSUPPORTED_PROTOCOL"), "no TLS 1.2 or later was agreed on (unsupported protocol)"),
    (unagreed(""), "no TLS 1.2 or later was agreed on (unknown)"),
]


@pytest.mark.parametrize(("error", "words"), REASONS)
def test_reasons_are_words(error: ssl.SSLError, words: str) -> None:
    assert tls.reason(error) == words


def events(text: str) -> list[tuple[str, str]]:
    """(event, reason) of each line that was logged."""
    lines = [msgspec.json.decode(line, type=dict[str, str]) for line in text.splitlines()]
    return [(line["event"].split(" and ")[0], line.get("reason", "")) for line in lines]


FAILED = "an upstream cannot be trusted"
WELL = "an upstream can be trusted again"


def test_each_change_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    notice = tls.Notice(BY_NAME)
    notice.well()
    notice.failed("expired", 0.0)
    notice.failed("expired", 1.0)
    notice.failed("expired", 1000.0)
    notice.well()
    notice.well()
    assert events(capsys.readouterr().err) == [(FAILED, "expired"), (WELL, "")]


def test_one_that_is_well_and_ill_in_turn_does_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    notice = tls.Notice(BY_NAME)
    for second in range(600):
        notice.failed("expired", float(second))
        notice.well()
    told = events(capsys.readouterr().err)
    assert told == [(FAILED, "expired"), (WELL, "")] * 10


def test_another_reason_is_told_after_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    notice = tls.Notice(BY_NAME)
    notice.failed("expired", 0.0)
    notice.failed("another name", 1.0)
    notice.failed("another name", tls.QUIET_SECONDS)
    assert events(capsys.readouterr().err) == [(FAILED, "expired"), (FAILED, "another name")]
