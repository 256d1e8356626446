"""Figures of peers that no package index offers, as recorded once on a machine with two cores.

They were taken with wrk on 8 connections and 10,200 users, at an error of ±15 to 30 %. Ory Polis
validates nothing and answers most of SCIM wrongly or not at all: it is a key-value store, and
still a bar to pass.
"""

_POLIS = "Ory Polis 26.2 on PostgreSQL"

BEST_DURABLE = {
    "W1": ("SCIMServer 0.55 on PostgreSQL", 207.0),
    "W2": (_POLIS, 1_260.0),
    "W3": (_POLIS, 502.0),
    "W4": (_POLIS, 417.0),
    "W9": (_POLIS, 241.0),
}
"""The best peer that keeps its data on disk, with its requests per second, by workload."""

BEST_DURABLE_MS = {
    "W5:10": ("Ory Polis", 9.0),
    "W5:1000": ("Ory Polis", 11.0),
    "W5:10000": ("Ory Polis", 15.0),
    "W6:start": ("Ory Polis (its total is wrong)", 52.0),
    "W6:end": ("Ory Polis (its total is wrong)", 56.0),
    "W7g:10000": ("Ory Polis (never has members)", 1.2),
    "W7f:10000": ("Ory Polis (never has members)", 2.6),
    "W8:100": ("SCIMServer", 396.0),
}
"""The same for p50 on one connection, in milliseconds."""

RECORDED_LIMITS = {
    "gunicorn": {"limit-read": 1_780.0, "limit-write": 1_250.0},
    "granian": {"limit-read": 3_569.0, "limit-write": 1_851.0},
}
"""The limit of the stack on that machine, requests per second."""
