"""HTTP: parse the request, run one action or one read, render the answer.

Flask lives here and nowhere below. It may import ``actions``, ``store`` and ``protocol``, never
``delivery``.
"""
