"""The command ``sentiment``: its arguments, and how it ends.

Exit statuses are 0: done; 1: something could not be scored, or the model or a setting is invalid;
2: the arguments are invalid; 130: interrupted; 141: the output is closed.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from app import keys, score
from app.scoring.options import InvalidOption
from sentiment import __version__, files, printing, serving, texts

EXAMPLES = """\
examples:
  sentiment predict "A joy from start to end."
  sentiment predict - < reviews.txt            # each line is a text
  sentiment explain "Dull, but well acted."
  sentiment score reviews.csv                  # writes reviews.scored.csv
  sentiment serve                              # http://127.0.0.1:8000/demo
  sentiment keys new shop

Output is a table in a terminal and JSON lines in a pipe; --json and --table choose.
SENTIMENT_ environment variables configure the model and the limits, as for the service.
`sentiment COMMAND --help` has the options and more examples.
"""
PREDICT = """\
examples:
  sentiment predict "A joy from start to end." "I want my two hours back."
  sentiment predict - < reviews.txt
  sentiment predict - --json < reviews.txt | head -3
  sentiment predict --sentences "The acting is superb. The plot is a mess."
"""
EXPLAIN = """\
examples:
  sentiment explain "Dull, but well acted."
  sentiment explain - < review.txt
  sentiment explain "Dull, but well acted." --json | head -c 200
"""
SCORE = """\
examples:
  sentiment score reviews.csv                       # writes reviews.scored.csv
  sentiment score reviews.csv -o scored.csv --column review
  sentiment score january.csv february.csv -o scored/
  sentiment score - --format csv < reviews.csv > scored.csv

The output has the rows and the format of the input, with the columns sentiment, confidence and
positive added. Rows that cannot be scored go to OUT.rejected.jsonl with the reason. Ctrl-C stops a
run; the same command resumes it. Paths may be s3://bucket/key.
"""
SERVE = """\
examples:
  sentiment serve
  sentiment serve --host 0.0.0.0 --port 8080
  SENTIMENT_API_KEYS=shop:9f86d0... sentiment serve --host 0.0.0.0

/docs documents every route and lets you call it; /demo scores text as you type.
"""
KEYS = """\
examples:
  sentiment keys new shop
  sentiment keys new shop --limit 100/minute

The key is printed once, with the entry to store in SENTIMENT_API_KEYS, which has its hash.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ``arguments``: those of the command line by default."""
    args = _parser().parse_args(arguments)
    try:
        sys.exit(args.run(args))
    except BrokenPipeError:
        printing.discard_output()
        sys.exit(128 + signal.SIGPIPE)
    except InvalidOption as error:
        printing.complain(f"--{error.field}: {error}")
        sys.exit(1)
    except score.FAILURES as error:
        printing.complain(score.message(error))
        sys.exit(1)
    except KeyboardInterrupt:
        if args.run is files.score_all and not files.uses_standard_streams(args):
            printing.complain(score.INTERRUPTED)
        sys.exit(128 + signal.SIGINT)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sentiment",
        description="Sentiment of English texts.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = _add(commands, "predict", "score texts", PREDICT, texts.predict)
    predict.add_argument(
        "texts", nargs="+", metavar="TEXT", help="a text; - means each line of standard input"
    )
    _add_options(predict)
    _add_outputs(predict)

    explain = _add(
        commands, "explain", "show how much each word contributes", EXPLAIN, texts.explain
    )
    explain.add_argument("text", metavar="TEXT", help="the text; - means all of standard input")
    explain.add_argument(
        "--evaluations",
        type=_evaluations,
        default=400,
        help="variants of the text to score at most; more resolve phrases into words (%(default)s)",
    )
    _add_options(explain)
    _add_outputs(explain)

    files_ = _add(commands, "score", "score files", SCORE, files.score_all)
    files_.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="CSV, TSV, JSON Lines, text or Parquet, also .gz; - means standard input",
    )
    files_.add_argument(
        "-o",
        "--out",
        default="",
        help="output file, or a folder for several; - means standard output",
    )
    files_.add_argument("--format", default="", help="format of standard input, such as csv")
    score.add_options(files_)
    _add_outputs(files_)

    serve = _add(commands, "serve", "serve the API and the demo page", SERVE, serving.serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on (%(default)s)")

    of_keys = _add(commands, "keys", "create API keys", KEYS).add_subparsers(
        required=True, metavar="COMMAND"
    )
    new = _add(of_keys, "new", "create a key and print it once", KEYS)
    new.set_defaults(run=lambda args: keys.run(new, args))
    keys.add_arguments(new)
    return parser


def _add(
    commands: Any,
    name: str,
    summary: str,
    examples: str,
    run: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Add a subcommand, whose help ends with examples; ``run`` returns the exit status."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--neutral", action="store_true", help="the answer may be Neutral")
    parser.add_argument("--sentences", action="store_true", help="analyse each sentence too")


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json", dest="table", action="store_false", help="JSON lines, also in a terminal"
    )
    output.add_argument("--table", action="store_true", help="a table, also in a pipe")
    parser.set_defaults(table=sys.stdout.isatty())


def _evaluations(value: str) -> int:
    if not value.isdecimal() or int(value) < 2:
        raise argparse.ArgumentTypeError("expected a number of 2 or more")
    return int(value)
