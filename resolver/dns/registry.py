"""Numbers of the DNS protocol, each with the document that assigns it.

Plain integers, not enums: they are compared for every packet. `NAMES` tables turn them into text
for people; an unknown type is written TYPE65280 as RFC 3597 section 5 says.
"""

from __future__ import annotations

from typing import Final

# Header flags, as bits of the second 16-bit word (RFC 1035 4.1.1; AD and CD: RFC 4035 3.2).
QR: Final = 0x8000
OPCODE_MASK: Final = 0x7800
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100
RA: Final = 0x0080
AD: Final = 0x0020
CD: Final = 0x0010
RCODE_MASK: Final = 0x000F

DO: Final = 0x8000
"""DNSSEC OK, a bit of the OPT record's TTL field (RFC 3225, RFC 6891 6.1.3)."""

# Response codes (RFC 1035 4.1.1; BADVERS: RFC 6891 6.1.3).
NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
YXDOMAIN: Final = 6  # RFC 2136 2.2, and the four below
YXRRSET: Final = 7
NXRRSET: Final = 8
NOTAUTH: Final = 9
NOTZONE: Final = 10
BADVERS: Final = 16
BADCOOKIE: Final = 23  # RFC 7873 8

RCODE_NAMES: Final = {
    NOERROR: "NOERROR",
    FORMERR: "FORMERR",
    SERVFAIL: "SERVFAIL",
    NXDOMAIN: "NXDOMAIN",
    NOTIMP: "NOTIMP",
    REFUSED: "REFUSED",
    YXDOMAIN: "YXDOMAIN",
    YXRRSET: "YXRRSET",
    NXRRSET: "NXRRSET",
    NOTAUTH: "NOTAUTH",
    NOTZONE: "NOTZONE",
    BADVERS: "BADVERS",
    BADCOOKIE: "BADCOOKIE",
}

# Record types (RFC 1035 3.2.2 unless said otherwise).
A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
HINFO: Final = 13
MX: Final = 15
TXT: Final = 16
AAAA: Final = 28  # RFC 3596
SRV: Final = 33  # RFC 2782
DNAME: Final = 39  # RFC 6672
OPT: Final = 41  # RFC 6891
DS: Final = 43  # RFC 4034
RRSIG: Final = 46  # RFC 4034
SVCB: Final = 64  # RFC 9460
HTTPS: Final = 65  # RFC 9460
TKEY: Final = 249  # RFC 2930
TSIG: Final = 250  # RFC 8945
IXFR: Final = 251  # RFC 1995
AXFR: Final = 252
ANY: Final = 255

# Types that nothing here treats by itself; lists and people name them (IANA, "Resource Record (RR) TYPEs").
_OTHER_TYPES: Final = (
    "RP=17 AFSDB=18 X25=19 ISDN=20 RT=21 NSAP=22 SIG=24 KEY=25 PX=26 GPOS=27 LOC=29 NAPTR=35 KX=36 CERT=37 "
    "APL=42 SSHFP=44 IPSECKEY=45 NSEC=47 DNSKEY=48 DHCID=49 NSEC3=50 NSEC3PARAM=51 "
    "TLSA=52 SMIMEA=53 HIP=55 CDS=59 CDNSKEY=60 OPENPGPKEY=61 CSYNC=62 ZONEMD=63 SPF=99 NID=104 L32=105 "
    "L64=106 LP=107 EUI48=108 EUI64=109 URI=256 CAA=257 AVC=258 AMTRELAY=260"
)

TYPE_NAMES: Final = {
    A: "A",
    NS: "NS",
    CNAME: "CNAME",
    SOA: "SOA",
    PTR: "PTR",
    HINFO: "HINFO",
    MX: "MX",
    TXT: "TXT",
    AAAA: "AAAA",
    SRV: "SRV",
    DNAME: "DNAME",
    OPT: "OPT",
    DS: "DS",
    RRSIG: "RRSIG",
    SVCB: "SVCB",
    HTTPS: "HTTPS",
    TKEY: "TKEY",
    TSIG: "TSIG",
    IXFR: "IXFR",
    AXFR: "AXFR",
    ANY: "ANY",
    **{int(number): name for name, _, number in (entry.partition("=") for entry in _OTHER_TYPES.split())},
}

_TYPES_BY_NAME: Final = {name: number for number, name in TYPE_NAMES.items()}

# Classes (RFC 1035 3.2.4; ANY as a QCLASS: 3.2.5).
CLASS_IN: Final = 1
CLASS_CHAOS: Final = 3
CLASS_ANY: Final = 255

# EDNS option codes.
OPTION_ECS: Final = 8  # RFC 7871
OPTION_COOKIE: Final = 10  # RFC 7873
OPTION_KEEPALIVE: Final = 11  # RFC 7828
OPTION_PADDING: Final = 12  # RFC 7830
OPTION_EDE: Final = 15  # RFC 8914
OPTION_STRUCTURED: Final = 26  # draft-ietf-dnsop-structured-dns-error

# Extended DNS error codes (RFC 8914 4).
EDE_OTHER: Final = 0
EDE_STALE: Final = 3
EDE_FORGED: Final = 4
EDE_CACHED_ERROR: Final = 13
EDE_NOT_READY: Final = 14
EDE_BLOCKED: Final = 15
EDE_CENSORED: Final = 16
EDE_FILTERED: Final = 17
EDE_PROHIBITED: Final = 18
EDE_STALE_NXDOMAIN: Final = 19
EDE_NOT_AUTHORITATIVE: Final = 20
EDE_NOT_SUPPORTED: Final = 21
EDE_NO_REACHABLE_AUTHORITY: Final = 22
EDE_NETWORK_ERROR: Final = 23
EDE_INVALID_DATA: Final = 24
EDE_SYNTHESIZED: Final = 29  # IANA, "Extended DNS Error Codes"

MAX_MESSAGE: Final = 65_535
"""Octets of the largest message: the TCP length field has 16 bits (RFC 1035 4.2.2)."""

UDP_MINIMUM: Final = 512
"""Octets that every UDP client takes (RFC 1035 4.2.1, RFC 6891 6.2.3)."""

UDP_LIMIT: Final = 1232
"""Octets that we send and ask for over UDP: no fragments on any usual path (RFC 9715 3.2)."""


def type_name(number: int) -> str:
    """`A`, `HTTPS`, ... or TYPE65280 for a type without a name here (RFC 3597 5)."""
    return TYPE_NAMES.get(number) or f"TYPE{number}"


def type_number(name: str) -> int | None:
    """The number of `A`, `https` or `TYPE65280`; None when it is no type."""
    upper = name.upper()
    if upper in _TYPES_BY_NAME:
        return _TYPES_BY_NAME[upper]
    digits = upper.removeprefix("TYPE")
    if digits != upper and digits.isascii() and digits.isdigit() and len(digits) <= 5:
        number = int(digits)
        return number if number <= 0xFFFF else None
    return None


def rcode_name(number: int) -> str:
    """`NXDOMAIN`, ... or RCODE23."""
    return RCODE_NAMES.get(number) or f"RCODE{number}"
