"""What became of predictions: accuracy on feedback, and drift, from prediction logs.

  python -m training.drift logs/ --feedback feedback.jsonl

LOGS are files or folders, gzipped or not: what the service printed, CloudWatch's export to S3, or
what `aws logs filter-log-events` or `aws logs tail` printed. The logs hold feedback too; FILES add
what the sinks kept of it: JSON lines, a table's export or what `aws dynamodb scan` printed.
"""

import argparse
import json
from pathlib import Path

from training.drift import logs
from training.drift.picture import draw
from training.drift.report import REFERENCE_DAYS, report
from training.drift.summary import summary

DRIFTED = 3
"""The exit code, where it is asked for."""
OUT = Path("runs/drift")


def _days(value: str) -> int:
    days = int(value)
    if days < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return days


def main() -> None:
    """Report on the files that the arguments name."""
    parser = argparse.ArgumentParser(
        prog="python -m training.drift",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("logs", type=Path, nargs="+", metavar="LOGS", help="files or folders")
    option("--feedback", type=Path, nargs="+", default=[], metavar="FILES", help="more of it")
    option("--out", type=Path, default=OUT, metavar="FOLDER", help=f"by default {OUT}")
    option("--reference-days", type=_days, default=REFERENCE_DAYS, metavar="N",
           help=f"days before the latest week to hold confidence to, by default {REFERENCE_DAYS}; "
                "the positive share is held to the one week before")  # fmt: skip
    option("--fail-on-drift", action="store_true", help=f"exit with {DRIFTED} where there is drift")
    args = parser.parse_args()
    try:
        figures = report(logs.read([*args.logs, *args.feedback]), args.reference_days)
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    args.out.mkdir(parents=True, exist_ok=True)
    written = args.out / "report.json"
    written.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    draw(figures, args.out / "drift.png")
    print(f"{summary(figures)}\n\n{written}, {args.out / 'drift.png'}")
    if args.fail_on_drift and figures["drift"]:
        parser.exit(DRIFTED)


if __name__ == "__main__":
    main()
