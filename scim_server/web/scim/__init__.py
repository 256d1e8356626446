"""The SCIM 2.0 endpoints under ``/scim/v2`` (RFC 7644 §3.2)."""
