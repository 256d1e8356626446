"""SCIM 2.0 as RFC 7643 and RFC 7644 state it.

Pure: values in, values out. Nothing here reads a file, a clock, a database or a request, so
every rule can be tested on plain values. It may import scim2-models and nothing above it.
"""
