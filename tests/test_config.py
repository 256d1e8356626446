"""Settings are read from the environment, and each mistake is told with the name of its variable."""

from pathlib import Path

import pytest

from scim_server.config import SettingError, read_database_url, read_settings

SECRET_KEY = {"SCIM_SERVER_SECRET_KEY": "k" * 32}


def test_a_secret_key_is_all_that_must_be_set() -> None:
    """Everything else has a default."""
    settings = read_settings(SECRET_KEY)
    assert settings.database_url == "sqlite:///scim-server.db"
    assert settings.base_url is None
    assert settings.pool_size == settings.threads
    assert settings.workers >= 2


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    """Compose files and charts write the variables they have no value for."""
    unset = ("DATABASE_URL", "BASE_URL", "SCHEMAS_DIR", "PORTALS_DIR", "WORKERS", "LOG_FORMAT")
    names = [f"SCIM_SERVER_{name}" for name in unset]
    assert read_settings({**SECRET_KEY, **dict.fromkeys(names, "")}) == read_settings(SECRET_KEY)


@pytest.mark.parametrize("secret_key", ["", "k" * 31])
def test_a_short_secret_key_is_refused_with_a_way_to_make_one(secret_key: str) -> None:
    """A missing or guessable key stops the start; the message says how to make one."""
    with pytest.raises(SettingError, match=r"SCIM_SERVER_SECRET_KEY .* 32 characters; make one with"):
        read_settings({"SCIM_SERVER_SECRET_KEY": secret_key})


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///scim-server.db",
        "sqlite:////var/lib/scim-server/scim-server.db",
        "postgresql://scim_app:secret@db.internal:5432/scim",
        "postgresql+psycopg://scim_app@/scim?host=/run/postgresql",
    ],
)
def test_a_file_and_a_postgresql_database_are_taken(url: str) -> None:
    """Both database systems are named by their usual URLs."""
    assert read_database_url({"SCIM_SERVER_DATABASE_URL": url}) == url


@pytest.mark.parametrize(
    "url",
    [
        "scim-server.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "mysql://u:secret@h/d",
        "postgres://u:secret@h/d",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@[h/d",
    ],
)
def test_another_database_is_refused_without_telling_the_password(url: str) -> None:
    """The message says which URLs there are, and repeats nothing of the one that was set."""
    with pytest.raises(SettingError, match=r"SCIM_SERVER_DATABASE_URL must be sqlite:///FILE") as refusal:
        read_database_url({"SCIM_SERVER_DATABASE_URL": url})
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    ["MAX_BODY_BYTES", "POOL_SIZE", "BUSY_TIMEOUT_MS", "STATEMENT_TIMEOUT_MS", "WORKERS", "THREADS"],
)
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "5s"])
def test_a_number_must_be_whole_and_large_enough(name: str, value: str) -> None:
    """A number that is none names its variable and the least that is accepted."""
    with pytest.raises(
        SettingError, match=rf"SCIM_SERVER_{name} must be a whole number of at least \d+, not '{value}'"
    ):
        read_settings({**SECRET_KEY, f"SCIM_SERVER_{name}": value})


def test_access_tokens_live_for_one_to_six_hours() -> None:
    """What Entra ID takes; longer or shorter ones are refused, with both bounds."""
    for value in ("3600", "21600"):
        settings = read_settings({**SECRET_KEY, "SCIM_SERVER_ACCESS_TOKEN_LIFETIME_S": value})
        assert settings.access_token_lifetime_s == int(value)
    for value in ("3599", "21601"):
        with pytest.raises(SettingError, match=f"from 3600 to 21600, not '{value}'"):
            read_settings({**SECRET_KEY, "SCIM_SERVER_ACCESS_TOKEN_LIFETIME_S": value})


def test_the_previous_secret_key_is_as_long_as_the_key() -> None:
    """One that was cut off would make every token unknown; without, there is none."""
    assert read_settings(SECRET_KEY).previous_secret_key is None
    with pytest.raises(SettingError, match="SCIM_SERVER_PREVIOUS_SECRET_KEY must have at least 32 characters"):
        read_settings({**SECRET_KEY, "SCIM_SERVER_PREVIOUS_SECRET_KEY": "short"})


@pytest.mark.parametrize("value", ["-1", "25001", "0.5", "many"])
def test_a_rate_limit_has_bounds(value: str) -> None:
    """It says between what a rate lies; 0 is no limit."""
    assert read_settings({**SECRET_KEY, "SCIM_SERVER_RATE_LIMIT_PER_S": "0"}).rate_limit_per_s == 0
    with pytest.raises(SettingError, match=r"SCIM_SERVER_RATE_LIMIT_PER_S must be a whole number from 0 to 25000"):
        read_settings({**SECRET_KEY, "SCIM_SERVER_RATE_LIMIT_PER_S": value})


def test_proxies_are_addresses() -> None:
    """Addresses, networks and ``*`` are taken; a name, or a network with bits of a machine, is told."""
    name = "SCIM_SERVER_FORWARDED_ALLOW_IPS"
    assert read_settings({**SECRET_KEY, name: "10.0.0.0/8, ::1"}).trusted_proxies == ("10.0.0.0/8", "::1")
    for wrong in ("proxy.internal", "10.0.0.1/8"):
        with pytest.raises(SettingError, match=rf"{name} must be addresses .*; not '{wrong}'"):
            read_settings({**SECRET_KEY, name: wrong})


def test_the_base_url_is_http_and_loses_its_slash() -> None:
    """Locations are made by appending to it."""
    settings = read_settings({**SECRET_KEY, "SCIM_SERVER_BASE_URL": "https://portal.example/"})
    assert settings.base_url == "https://portal.example"
    with pytest.raises(SettingError, match=r"SCIM_SERVER_BASE_URL must start with https://"):
        read_settings({**SECRET_KEY, "SCIM_SERVER_BASE_URL": "portal.example"})


@pytest.mark.parametrize(("name", "files"), [("SCHEMAS_DIR", ".json"), ("PORTALS_DIR", ".toml")])
def test_a_directory_must_be_there(tmp_path: Path, name: str, files: str) -> None:
    """A typing error in its path must not mean no extension, or no portal of the operator's own."""
    settings = read_settings({**SECRET_KEY, f"SCIM_SERVER_{name}": str(tmp_path)})
    assert getattr(settings, name.lower()) == tmp_path
    with pytest.raises(SettingError, match=rf"SCIM_SERVER_{name} must be a directory of {files} files"):
        read_settings({**SECRET_KEY, f"SCIM_SERVER_{name}": str(tmp_path / "missing")})


def test_logs_are_json_or_text() -> None:
    """There are two forms of log."""
    with pytest.raises(SettingError, match=r"SCIM_SERVER_LOG_FORMAT must be one of json, text"):
        read_settings({**SECRET_KEY, "SCIM_SERVER_LOG_FORMAT": "xml"})


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example",
        "smtp://portal:secret@mail.example:587",
        "smtps://portal:secret@mail.example",
        "file:///var/lib/scim-server/mail",
    ],
)
def test_a_mail_server_and_a_directory_are_taken(url: str) -> None:
    """Messages are sent by SMTP, or kept as files."""
    mail = {"SCIM_SERVER_SMTP_URL": url, "SCIM_SERVER_MAIL_FROM": "Portal <no-reply@portal.example>"}
    settings = read_settings({**SECRET_KEY, **mail})
    assert (settings.smtp_url, settings.mail_from) == (url, "Portal <no-reply@portal.example>")


@pytest.mark.parametrize(
    "url",
    ["mail.example", "smtp://", "smtp://u:secret@host:port", "http://u:secret@host", "file://", "file://mail/secret"],
)
def test_another_mail_server_is_refused_without_its_password(url: str) -> None:
    """The message says which URLs are taken."""
    with pytest.raises(SettingError, match="SCIM_SERVER_SMTP_URL must be smtp://USER:PASSWORD@HOST:PORT") as refused:
        read_settings({**SECRET_KEY, "SCIM_SERVER_SMTP_URL": url, "SCIM_SERVER_MAIL_FROM": "a@b.example"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("mail_from", ["", "Portal", "Portal <>", "@portal.example", "a@b.example\nBcc: c@d.example"])
def test_a_sender_is_an_address(mail_from: str) -> None:
    """Where e-mail is sent, it is from somebody."""
    with pytest.raises(SettingError, match="SCIM_SERVER_MAIL_FROM must be set"):
        read_settings({**SECRET_KEY, "SCIM_SERVER_SMTP_URL": "smtp://mail.example", "SCIM_SERVER_MAIL_FROM": mail_from})
