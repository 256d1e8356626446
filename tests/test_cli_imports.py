"""Members come in and go out by the command line, with what is wrong in the file."""

from pathlib import Path

import pytest

from tests.databases import Database
from tests.directory import environment, unique
from tests.test_cli import Operator

FILE = "userName,email,givenName,familyName\nada,ada@example.com,Ada,Lovelace\nbob,bob@example.com,Bob,King\n"


@pytest.fixture
def operator(database: Database) -> Operator:
    """An operator of the database of the session, as the application's role."""
    return Operator(environment(database))


@pytest.fixture
def slug(operator: Operator) -> str:
    """The slug of an organization of the test's own."""
    slug = unique("cli")
    operator.answer("org", "create", slug, "--name", "A customer")
    return slug


def file_with(directory: Path, content: str) -> str:
    """Write a file and return its name."""
    path = directory / "members.csv"
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_members_are_imported_and_exported(operator: Operator, slug: str, tmp_path: Path) -> None:
    """What comes out changes nothing when it comes in."""
    file = file_with(tmp_path, FILE)
    verified = operator.answer("member", "import", slug, file, "--verify-only")
    assert (verified["status"], verified["created"]) == ("verified", 2)
    imported = operator.answer("member", "import", slug, file)
    assert (imported["status"], imported["created"], imported["listed"]) == ("imported", 2, [])
    output = tmp_path / "exported.csv"
    assert operator.answer("member", "export", slug, "--output", str(output)) == {"file": str(output)}
    assert operator.run("member", "export", slug).stdout_bytes == output.read_bytes()
    told = operator.run("member", "import", slug, str(output))
    assert (told.exit_code, told.stdout) == (0, "imported: 0 created, 0 changed, 2 left as they were, 0 with faults\n")


def test_faults_end_the_import(operator: Operator, slug: str, tmp_path: Path) -> None:
    """Nothing is imported; the rows and columns are told, and the exit code is 1."""
    file = file_with(tmp_path, f"{FILE}eve,none,Eve,\n")
    told = operator.run("member", "import", slug, file)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[0] == "faulty: 2 to create, 0 to change, 0 to leave as they are, 1 with faults"
    assert "row 4, email: is 'none', no e-mail address such as name@example.com" in told.stdout
    listed = operator.run("member", "import", slug, file, "--json")
    assert listed.exit_code == 1
    assert '"row_number": 4' in listed.stdout
    assert operator.run("member", "export", slug).stdout_bytes.count(b"\n") == 1
