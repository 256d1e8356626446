"""What the product does: one function is one operation, with its change and its row in the trail.

An action runs inside the transaction of the :class:`~scim_server.store.session.Tenant` it takes
first; returning commits, raising rolls back. It may import ``store`` and ``protocol``.
"""
