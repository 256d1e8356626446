"""Replays what identity providers really send at any SCIM 2.0 server, and says what broke for whom.

The scenarios are data (`clients/<client>/<name>.json`), written from vendor documentation, vendor code and
captured logs. This package knows nothing of scim_server: it speaks HTTP to a URL, so that its verdict on our
own server is worth as much as its verdict on any other.
"""
