"""OAuth 2 (RFC 6749), by Authlib: tokens for clients, consent for an identity provider, and what is said of both.

``server`` holds the grants, ``clients`` how a client proves itself, ``keys`` the keys it publishes, ``views`` the
routes, ``consent`` the one page that a person sees.
"""
