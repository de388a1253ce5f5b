"""Lists of our own making, one of each format, with every oddity that real ones have. Seeds for mutation."""

from __future__ import annotations

import random

SEEDS: tuple[bytes, ...] = (
    "\ufeff# Title: hosts\r\n127.0.0.1 localhost\r\n0.0.0.0 a.example B.example. # why\r\n"
    "::1 ip6-localhost\r\n192.0.2.1 c.example\r\nfe80::1%lo0 localhost\r\n0.0.0.0 0.0.0.0\r\n".encode(),
    "! Number of entries: 3\nbücher.example\nxn--bcher-kva.example\n_x.-y.example\n192.0.2.1\n\n".encode(),
    b"*.a.example\n*.b.c.example # x\n=d.example\nads.*\n*\n",
    b"[Adblock Plus 2.0]\n! Title: x\n||a.example^\n@@||b.a.example^$important\n|c.example^\n||*.d.example^\n"
    b"a.example##.ad\n||e.example^$third-party\n/banner[0-9]+/\n||f.example/x\n.g.example^\n",
    b"address=/a.example/b.example/0.0.0.0\nlocal=/c.example/\nserver=/d.a.example/#\nserver=192.0.2.53\n"
    b"address=/*.e.example/#\nconf-file=/x\n",
    b'server:\n  local-zone: "a.example." always_null\n  local-zone: "b.a.example" transparent # x\n'
    b'local-data: "c.example. A 0.0.0.0"\n',
    b"||a.example^$dnstype=~A|AAAA,client='x\\'y'|~192.0.2.0/24\n"
    b"||b.example^$dnsrewrite=NOERROR;MX;32 m.example\n"
    b"@@||b.example^$dnsrewrite\n*$denyallow=com|c.example,important\n"
    b"||d.example^$ctag=user_child,badfilter\n"
    b"||d.example^$ctag=user_child\n/^ad[0-9]{2,}\\./$important\n|x*y.example^\n",
    b"$ORIGIN rpz.test.\n$TTL 1h\n@ 60 IN SOA a. b. ( 1 2 3\n 4 5 ) ; x\n  NS localhost.\n"
    b"a.example A 192.0.2.1\n"
    b" AAAA 2001:db8::1\n*.b.example CNAME *.c.example.\nd.example CNAME rpz-passthru.\n"
    b'e.example TXT "x;y" z\n'
    b"32.1.2.0.192.rpz-ip CNAME rpz-drop.\n48.zz.db8.2001.rpz-client-ip CNAME *.\nns.f.rpz-nsdname CNAME .\n",
    b'server:\n local-zone: "t.example" redirect\n local-data: "t.example A 192.0.2.1"\n define-tag: "x y"\n'
    b' local-zone-tag: "t.example" "x"\n access-control-tag: 192.0.2.0/24 "x"\nview:\n name: "v"\n',
    b"(\\.|^)ads?[0-9]+x{2,3}$;querytype=A,!AAAA;invert\n(?i)^(a|b)*c\\b(?#x);reply=192.0.2.1\n\n"
    b"^[[:alpha:]_-]+$;reply=none\n",
    b"$TTL 300\n@ SOA a. b. 1 2 3 4 5\na.example CNAME .\n*.a.example CNAME .\n",
    b"(^|\\.)ads?[0-9]*\\.\n^track\\.;querytype=A\n",
    b"<!DOCTYPE html><html><title>Log in</title></html>\n",
)

_SPECIAL = (
    b"",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"*",
    b".",
    b"|",
    b"^",
    b"$",
    b"/",
    b"#",
    b" ",
    b"com\n",
    b"\xe2\x80\xa8",
)


def mutated(chance: random.Random) -> bytes:
    """A seed with some of its octets cut, doubled, moved or replaced, or two seeds grown together."""
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.randrange(12))
        kind = chance.randrange(5)
        if kind == 0:
            data[at:to] = b""
        elif kind == 1:
            data[at:at] = data[at:to] * chance.randrange(1, 40)
        elif kind == 2:
            data[at:to] = chance.choice(_SPECIAL)
        elif kind == 3:
            data[at:to] = chance.randbytes(to - at)
        else:
            data[at:] = chance.choice(SEEDS)[chance.randrange(40) :]
    return bytes(data)
