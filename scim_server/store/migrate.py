"""Migrations of the database, run by Alembic from the versions beside this file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to the newest version, as its owner; on SQLite the file is made if need be."""
    command.upgrade(_config(url), revision)


def driver_url(url: str) -> str:
    """Return a database URL with the driver this product uses."""
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    return address.render_as_string(hide_password=False)
