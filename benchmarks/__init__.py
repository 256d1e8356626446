"""The load harness: the server beside the limit of its stack and beside a peer, in the same run.

It may import everything of ``scim_server`` and nothing of ``tests``; nothing imports it but its own
tests. ``python -m benchmarks`` measures, ``python -m benchmarks.load`` fills a database.
"""
