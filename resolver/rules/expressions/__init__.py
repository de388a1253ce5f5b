"""Expressions: read, determinised when a list is compiled, found in names in linear time."""
