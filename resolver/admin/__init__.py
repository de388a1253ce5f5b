"""The HTTP process: resources, authentication, OpenAPI, the one road by which a change is made."""
