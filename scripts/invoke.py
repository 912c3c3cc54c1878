"""`make invoke`: one event through the runtime emulator, beside a local AWS for what it touches."""

import json
import sys
from pathlib import Path

from app.events.envelopes import objects_of
from local.aws import LocalAws
from local.emulator import Emulator, InvocationError

SAMPLE = b"""{"id": 1, "text": "This movie was amazing and thrilling!"}
{"id": 2, "text": "A dull, overlong mess."}
{"id": 3, "text": ""}
"""
"""What an object holds that an event says was created."""
WRITTEN = ("scored/", "rejected/")


def main() -> None:
    """Run the event in the file that is named; print the answer, what it wrote and the time."""
    event = json.loads(Path(sys.argv[1]).read_text())
    stored = objects_of(event)
    with LocalAws() as aws, Emulator(aws.variables) as emulator:
        for each in stored:
            aws.put(each, SAMPLE)
        try:
            print(json.dumps(emulator.invoke(event), indent=2, ensure_ascii=False))
        except InvocationError as error:
            sys.exit(f"the function failed: {error}")
        for result in aws.results():
            print("in the queue of results:", json.dumps(result, ensure_ascii=False))
        for bucket in {each.bucket for each in stored}:
            for key, body in aws.take(bucket, *WRITTEN).items():
                print(f"s3://{bucket}/{key}:\n{body}", end="")
        took = emulator.durations()
        emulator.invoke(event)
        warm = emulator.durations()
    print(
        f"init {took.init:.0f} ms, first run {took.run:.1f} ms, warm run {warm.run:.1f} ms",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
