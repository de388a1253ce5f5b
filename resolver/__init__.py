"""Belisha: a DNS resolver that keeps children safe, at home and at school.

The rooms, from the bottom up; each may import only what stands before it:

    errors      the one error tree
    dns         the wire, pure
    rules       lists, pure: formats, the compiled index
    policy      who, when, what -> decision, pure
    generation  what is in force: manifests, content-hashed files, the store
    records     what happened: counters
    serving     the DNS process
    admin       the HTTP process
    supervisor  opens sockets, drops privileges, starts and watches the two
    cli         the `belisha` command

`settings`, `upstreams`, `inherited`, `shipped` and `events` are leaves that every room but the pure ones
may read.
"""

__version__ = "0.1.0"
