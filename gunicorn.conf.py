"""gunicorn as scim-server is deployed: `gunicorn wsgi:app` in this directory reads it."""

import ctypes
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from scim_server import load_catalog, load_portals
from scim_server.config import SettingError, read_settings
from scim_server.protocol.catalog import CatalogError
from scim_server.protocol.portals import PortalProfileError

# A wrong setting, schema or portal profile stops the start with one line, before any worker would fail over it.
try:
    settings = read_settings()
    load_catalog(settings.schemas_dir)
    load_portals(settings.portals_dir)
except (SettingError, CatalogError, PortalProfileError) as refusal:
    sys.exit(f"scim-server: {refusal}")

M_ARENA_MAX = -8

# Loopback unless said otherwise: TLS is the business of the proxy in front.
bind = os.environ.get("SCIM_SERVER_BIND", "127.0.0.1:8000")
proc_name = "scim-server"

# Processes are what uses the processors.
workers = settings.workers
# Threads hide the waits for the database and keep idle connections cheap; many of them only contend for the
# GIL.
worker_class = "gthread"
# The application is made once, before the workers are: they start at once, and share its memory. It connects to the
# database with the first request, so no connection is shared.
preload_app = True
threads = settings.threads

# A worker that stops answering is replaced after this, in seconds.
timeout = 60
# What a request under way gets to finish when the server stops or reloads, in seconds.
graceful_timeout = 30
# Longer than the 60 s for which proxies usually keep an idle connection, so that they, not we, close it:
# the other way round, a request sent at that moment is lost.
keepalive = 75
# Workers do not leak, so they are not recycled.
max_requests = 0

# A filter can be long, and this is the most that gunicorn takes, in bytes. Above, it answers 414; the body of
# POST /.search has room for the rest.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
# The C parser (gunicorn_h1c) where it is installed, else the one in Python.
http_parser = "auto"

# Only these proxies, separated by commas, are believed when they say that the client came over https ...
forwarded_allow_ips = ",".join(settings.trusted_proxies)
# ... in this one header: with more than one, two that contradict each other refuse the request.
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
# No proxy rewrites the path through a header: a client could slip one past it.
forwarder_headers = ""

# The application writes its own access log, in JSON.
accesslog = None
errorlog = "-"
# As text, for a person at a terminal, only what needs attention.
loglevel = "warning" if settings.log_format == "text" else "info"


def when_ready(_server: Any) -> None:
    """Keep what the workers are about to share out of their collector's sight: its marks would copy it for each."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Have a worker stop in one way: by its first process's word, after the requests under way.

    Ctrl-C reaches all processes of a terminal; a worker leaves it to gunicorn's first process, which then sends
    SIGQUIT. gunicorn answers that by shutting the worker's ThreadPoolExecutor down within the signal handler, and
    waits for itself when it comes while a request is handed to the pool: the lock is held by the very thread.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, worker.handle_exit)


# glibc gives each thread an arena of memory of its own, and large requests would leave each of them large.
with suppress(OSError, AttributeError):
    ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)

# No second door: workers are controlled by signals.
control_socket_disable = True
