"""Settings, read from environment variables ``SCIM_SERVER_*``; units stand in their names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

MIN_SECRET_KEY_LENGTH = 32
MAX_RATE_LIMIT_PER_S = 25_000
LOG_FORMATS = ("json", "text")
_POSTGRESQL_SCHEMES = ("postgresql", "postgresql+psycopg")
_MAIL_SCHEMES = ("smtp", "smtps", "file")


class SettingError(ValueError):
    """A setting is missing or unusable; the message names it and what is accepted."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server; the README lists them."""

    database_url: str
    secret_key: str
    previous_secret_key: str | None
    access_token_lifetime_s: int
    base_url: str | None
    smtp_url: str | None
    mail_from: str | None
    schemas_dir: Path | None
    portals_dir: Path | None
    max_body_bytes: int
    pool_size: int
    busy_timeout_ms: int
    statement_timeout_ms: int
    workers: int
    threads: int
    log_format: str
    rate_limit_per_s: int
    trusted_proxies: tuple[str, ...]


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of an environment.

    :raises SettingError: When one is missing or unusable.
    """
    secret_key = environ.get("SCIM_SERVER_SECRET_KEY", "")
    if len(secret_key) < MIN_SECRET_KEY_LENGTH:
        raise SettingError(
            f"SCIM_SERVER_SECRET_KEY must have at least {MIN_SECRET_KEY_LENGTH} characters; make one with "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))' and keep it: "
            "tokens issued under it are unknown under another"
        )
    previous_secret_key = environ.get("SCIM_SERVER_PREVIOUS_SECRET_KEY") or None
    if previous_secret_key is not None and len(previous_secret_key) < MIN_SECRET_KEY_LENGTH:
        raise SettingError(
            f"SCIM_SERVER_PREVIOUS_SECRET_KEY must have at least {MIN_SECRET_KEY_LENGTH} characters: "
            "it is what SCIM_SERVER_SECRET_KEY was before"
        )
    base_url = environ.get("SCIM_SERVER_BASE_URL") or None
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise SettingError("SCIM_SERVER_BASE_URL must start with https:// or http://, such as https://portal.example")
    log_format = environ.get("SCIM_SERVER_LOG_FORMAT") or "json"
    if log_format not in LOG_FORMATS:
        raise SettingError(f"SCIM_SERVER_LOG_FORMAT must be one of {', '.join(LOG_FORMATS)}, not {log_format!r}")
    schemas_dir, portals_dir = read_directories(environ)
    threads = _integer(environ, "SCIM_SERVER_THREADS", 3, 1)
    smtp_url, mail_from = _mail(environ)
    return Settings(
        database_url=read_database_url(environ),
        secret_key=secret_key,
        previous_secret_key=previous_secret_key,
        access_token_lifetime_s=_integer(environ, "SCIM_SERVER_ACCESS_TOKEN_LIFETIME_S", 3_600, 3_600, 21_600),
        base_url=base_url.rstrip("/") if base_url else None,
        smtp_url=smtp_url,
        mail_from=mail_from,
        schemas_dir=schemas_dir,
        portals_dir=portals_dir,
        max_body_bytes=_integer(environ, "SCIM_SERVER_MAX_BODY_BYTES", 10 * 1024 * 1024, 1_024),
        pool_size=_integer(environ, "SCIM_SERVER_POOL_SIZE", threads, 1),
        busy_timeout_ms=_integer(environ, "SCIM_SERVER_BUSY_TIMEOUT_MS", 5_000, 1),
        statement_timeout_ms=_integer(environ, "SCIM_SERVER_STATEMENT_TIMEOUT_MS", 30_000, 1),
        # Two at least, so that a slow request never stops all others.
        workers=_integer(environ, "SCIM_SERVER_WORKERS", max(2, os.cpu_count() or 1), 1),
        threads=threads,
        log_format=log_format,
        rate_limit_per_s=_integer(environ, "SCIM_SERVER_RATE_LIMIT_PER_S", 100, 0, MAX_RATE_LIMIT_PER_S),
        trusted_proxies=_addresses(environ, "SCIM_SERVER_FORWARDED_ALLOW_IPS", "127.0.0.1,::1"),
    )


def read_database_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the database URL of an environment, which is all that migrating needs.

    :raises SettingError: When it names no SQLite file and no PostgreSQL database.
    """
    url = environ.get("SCIM_SERVER_DATABASE_URL") or "sqlite:///scim-server.db"
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///") and ":memory:" not in url:
        return url
    try:
        address = urlsplit(url)
        is_postgresql = address.scheme in _POSTGRESQL_SCHEMES and len(address.path) > 1
        _ = address.port  # Raises for a port that is no number.
    except ValueError:
        is_postgresql = False
    if not is_postgresql:
        # NB: the URL is not repeated: it holds a password.
        raise SettingError(
            "SCIM_SERVER_DATABASE_URL must be sqlite:///FILE (sqlite:////absolute/file) "
            "or postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    if find_spec("psycopg") is None:
        raise SettingError("PostgreSQL needs its driver: pip install 'scim-server[postgres]'")
    return url


def _mail(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return where e-mail goes, and whom it is from; None for both where none is sent."""
    url, mail_from = environ.get("SCIM_SERVER_SMTP_URL") or None, environ.get("SCIM_SERVER_MAIL_FROM") or None
    if url is None:
        return None, mail_from
    try:
        address = urlsplit(url)
        named = address.path.strip("/") if address.scheme == "file" else address.hostname
        usable = address.scheme in _MAIL_SCHEMES and bool(named) and (address.scheme != "file" or not address.netloc)
        _ = address.port  # Raises for a port that is no number.
    except ValueError:
        usable = False
    if not usable:
        # NB: the URL is not repeated: it holds a password.
        raise SettingError(
            "SCIM_SERVER_SMTP_URL must be smtp://USER:PASSWORD@HOST:PORT, smtps://USER:PASSWORD@HOST:PORT, "
            "or file:///DIRECTORY, which keeps messages as files"
        )
    sender = parseaddr(mail_from or "")[1]
    if mail_from is None or not mail_from.isprintable() or not all(sender.partition("@")):
        raise SettingError(
            "SCIM_SERVER_MAIL_FROM must be set with SCIM_SERVER_SMTP_URL, to an address such as "
            "no-reply@portal.example or Portal <no-reply@portal.example>"
        )
    return url, mail_from


def read_directories(environ: Mapping[str, str] = os.environ) -> tuple[Path | None, Path | None]:
    """Return the directories of an environment: of schemas, and of portal profiles.

    :raises SettingError: When one is none.
    """
    return (
        _directory(environ, "SCIM_SERVER_SCHEMAS_DIR", ".json"),
        _directory(environ, "SCIM_SERVER_PORTALS_DIR", ".toml"),
    )


def _integer(environ: Mapping[str, str], name: str, default: int, minimum: int, maximum: int | None = None) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdigit() or int(text) < minimum or (maximum is not None and int(text) > maximum):
        accepted = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise SettingError(f"{name} must be a whole number {accepted}, not {text!r}")
    return int(text)


def _directory(environ: Mapping[str, str], name: str, suffix: str) -> Path | None:
    text = environ.get(name)
    if text and not Path(text).is_dir():
        raise SettingError(f"{name} must be a directory of {suffix} files, not {text!r}")
    return Path(text) if text else None


def _addresses(environ: Mapping[str, str], name: str, default: str) -> tuple[str, ...]:
    addresses = tuple(filter(None, map(str.strip, (environ.get(name) or default).split(","))))
    for each in addresses:
        try:
            _ = each == "*" or ip_network(each)
        except ValueError:
            raise SettingError(
                f"{name} must be addresses or networks separated by commas, such as 10.0.0.0/8, or *; not {each!r}"
            ) from None
    return addresses
