"""What the guard takes out of real lists: golden, because each of these is a decision about somebody's rule.

The names here are those of public suffixes, public services and the machine's own network check; a
rule of a list is told by its name alone.
"""

from __future__ import annotations

import pytest

from resolver.errors import ListRefused
from resolver.generation.guarding import load_guard
from resolver.rules.parse import parse_list
from tests.data_lists.real import names, needs_lists, read_list

pytestmark = needs_lists

HELD: dict[str, set[str]] = {
    "adguardteam-urlfilter/testdata__adguard_sdn_filter.txt": {
        "webhop.net", "servebbs.net", "0emm.com", "elastx.net",
    },
    "badmojr-1hosts/mini__hosts.txt": {"piwik.companieshouse.gov.uk", "smetrics.tfl.gov.uk"},
    "dnscrypt-dnscrypt-proxy/dnscrypt-proxy__example-blocked-names.txt": {"workgroup"},
    "hagezi-dns-blocklists/3p__stevenblack.wildcard.txt": {
        "go.missingkids.org", "go.rainn.org", "smetrics.tfl.gov.uk", "stats.centralswindonnorth-pc.gov.uk",
        "stats.southswindon-pc.gov.uk", "stats.westswindon-pc.gov.uk",
    },
    "hagezi-dns-blocklists/adblock__personal.txt": {"storage.yandexcloud.net"},
    "hagezi-dns-blocklists/dnsmasq__personal.txt": {"storage.yandexcloud.net"},
    "hagezi-dns-blocklists/unbound__personal.blacklist.conf": {"storage.yandexcloud.net"},
    "hagezi-dns-blocklists/wildcard__personal.txt": {"storage.yandexcloud.net"},
    # A list of drugs that takes out what the state says of them, and one of gambling with the clinics.
    "olbat-ut1-blacklists/blacklists__drogue__domains": {"drugs.gov.uk"},
    "olbat-ut1-blacklists/blacklists__gambling__domains": {
        "eastmidlandsgambling.nhs.uk", "eofegamblingservice.nhs.uk", "northerngamblingservice.nhs.uk",
    },
    # Lists of names to allow or to watch, read as if they were block lists.
    "olbat-ut1-blacklists/blacklists__liste_blanche__domains": {
        "captive.apple.com", "detectportal.firefox.com",
    },
    "olbat-ut1-blacklists/blacklists__update__domains": {
        "archive.ubuntu.com", "fe2.update.microsoft.com", "fe2cr.update.microsoft.com",
        "sls.update.microsoft.com", "slscr.update.microsoft.com", "windowsupdate.com",
    },
    "opendns-public-domain-lists/opendns-top-domains.txt": {
        "windowsupdate.com", "www.gov.uk", "metoffice.gov.uk", "cabinet-office.gov.uk", "www.nhs.uk",
    },
}  # fmt: skip


def held(name: str) -> set[str]:
    """The names to let through, if everything that was held back shall be obeyed."""
    try:
        report = parse_list(read_list(name), guard=load_guard()).report
    except ListRefused:
        return set()
    assert len(report.held_lines) == report.held
    return {line.message.split("`unguarded: ")[1].split("`")[0] for line in report.held_lines}


# The public suffix list is data of the guard, and no list of rules.
@pytest.mark.parametrize("name", [name for name in names() if not name.startswith("publicsuffix")])
def test_what_is_held_back_of_a_real_list(name: str) -> None:
    assert held(name) == HELD.get(name, set())
