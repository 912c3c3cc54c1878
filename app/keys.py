"""Creates an API key: ``python -m app.keys new NAME`` prints it once."""

import argparse
import hashlib
import secrets
import sys

from app.access import rates
from app.access.keys import NAME
from app.settings import SettingsError


def new(name: str, limit: str = "") -> tuple[str, str]:
    """Create a key; return it and its entry.

    ``limit``: rate limit of the key, such as ``100/minute``; empty for the default.

    Raises:
        SettingsError: the name or the limit is invalid.
    """
    if not NAME.fullmatch(name):
        raise SettingsError("a name has 1 to 64 letters, digits, dots, dashes or underscores")
    if limit:
        rates.check(limit)
    key = f"sk_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key, ":".join(filter(None, (name, digest, limit)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("name", metavar="NAME", help="name of the key in logs")
    parser.add_argument("--limit", default="", help="rate limit of this key, such as 100/minute")


def run(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Create a key and print it with its entry."""
    try:
        key, entry = new(args.name, args.limit)
    except SettingsError as error:
        parser.error(str(error))
    sys.stdout.write(
        f"{key}\n\nThis is the key; it cannot be shown again. Give it to the caller, and add this\n"
        f"entry to SENTIMENT_API_KEYS or to the source in SENTIMENT_API_KEYS_FROM:\n\n{entry}\n"
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m app.keys", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("new", help="create a key and print it once")
    add_arguments(command)
    run(command, parser.parse_args())


if __name__ == "__main__":
    main()
