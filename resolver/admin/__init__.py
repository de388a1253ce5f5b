"""The HTTP process: resources, authentication, OpenAPI, the one road by which a change is made.

    connections  frame          the way in: connections, parameters and bodies, limits
    auth  tokens                who calls, and how far that reaches
    problems  events            what the caller is told when it fails, and what the log is
    upload                      bodies, spooled and unpacked within bounds
    lists  overlap              the resources; each file ends in its table of routes
    transactions  generations  policy
    explain  health  openapi
    conditions                  what a request says of a change: who, why, if still unchanged
    changeset  plan  changes    the road of a change, from what is wanted to what is in force
    compilers  workers          the processes that it needs on the way
    app                         every route in one table, every layer in one order

Nothing here is needed to answer a DNS query. Whatever happens in this process, the workers go on
serving the generation in force.
"""
