"""Lists, pure: bytes of a list in, rules and a report out; rules in, a compiled file out.

No socket, clock, randomness, logging or file access: the shells in `generation` and `admin` do that.
"""
