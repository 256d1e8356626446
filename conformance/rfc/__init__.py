"""Checks of what RFC 7643, RFC 7644 and RFC 9865 demand, one function for each rule.

A check speaks to the server through `client.Scim` alone. It names the section and the rule it stands for, creates what
it needs, and leaves nothing behind. Importing `catalog` gives all of them.
"""
