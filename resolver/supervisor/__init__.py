"""The parent process: opens the sockets, drops privileges, starts the others and keeps them alive.

    belisha serve
      └─ supervisor            holds every descriptor for its whole life, decides nothing
           ├─ worker-0 ...     python -m resolver.serving, one for each of `dns.workers`
           └─ admin            python -m resolver.admin, the HTTP process

It owes its reliability to what it does not do: it reads no packet, no list and no request, imports
neither the HTTP library nor the index, runs no event loop and no thread. A child that dies is
started again on the same descriptors, so the packets and connections that came meanwhile are still
there. If the supervisor itself is killed, the children see end-of-file on the lifeline and leave.

    start       the order of start-up, with the reason for each step: begin here
    sockets     what is opened, and the sentence when an address cannot be had
    privileges  from root to an account
    folder      the data folder, its rights and its lock
    first       one-shot process: the first generation, from the shipped lists
    child       one child and its back-off; `watch` is the loop over all of them
    ready       is everything up? the HTTP question, systemd's answer
    banner      one-shot process: what is told to people once everything is up
    events      the log: one JSON object a line
"""
