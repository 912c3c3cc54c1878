"""Creates an API key: ``python -m app.keys new NAME`` prints it once."""

import argparse
import hashlib
import secrets
import sys

from app.access import rates
from app.access.keys import NAME
from app.settings import SettingsError


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m app.keys", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    new = commands.add_parser("new", help="create a key and print it once")
    new.add_argument("name", help="name of the key in logs")
    new.add_argument("--limit", default="", help="rate limit of this key, such as 100/minute")
    args = parser.parse_args()
    if not NAME.fullmatch(args.name):
        parser.error("a name has 1 to 64 letters, digits, dots, dashes or underscores")
    if args.limit:
        try:
            rates.check(args.limit)
        except SettingsError as error:
            parser.error(str(error))
    key = f"sk_{secrets.token_urlsafe(32)}"
    entry = ":".join(
        filter(None, (args.name, hashlib.sha256(key.encode()).hexdigest(), args.limit))
    )
    sys.stdout.write(
        f"{key}\n\nThis is the key; it cannot be shown again. Give it to the caller, and add this\n"
        f"entry to SENTIMENT_API_KEYS or to the source in SENTIMENT_API_KEYS_FROM:\n\n{entry}\n"
    )


if __name__ == "__main__":
    main()
