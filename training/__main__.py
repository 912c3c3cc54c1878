"""From labelled text to a model bundle.

Labelled text is a Parquet, CSV or JSONL file with text and label, or a folder with a text a file
under neg and pos, as aclImdb has.
"""

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

from app.sentiment import bundle, classifier
from app.settings import Settings
from training import data, distil, evaluate, export, recipe
from training.data import Examples
from training.recipe import Recipe
from training.train import Run, initial_model, train

REVIEWS = Path(__file__).with_name("reviews.csv")
CONFIGS = Path(__file__).with_name("configs")
LABELS = Path(__file__).with_name("teacher.npz")
HELD_OUT = "held_out.csv"
CACHE = Path(".cache")


def _split(args: argparse.Namespace, chosen: Recipe) -> tuple[Examples, Examples]:
    """Return what to train on and what is held out of the first of the data."""
    tested = [text for path in args.test for text in data.read(path).texts]
    reviews, *others = [data.read(*data.source(given)) for given in args.data]
    reviews = data.without(reviews, tested)
    training, held_out = data.hold_out(reviews, chosen.held_out, chosen.seed)
    training = data.without(data.join([training, *others]), [*tested, *held_out.texts])
    print(f"{len(training)} texts to train on, {len(held_out)} held out")
    return training, held_out


def _label(args: argparse.Namespace) -> None:
    taught = recipe.of_checkpoint(args.model)
    training, _ = _split(args, taught)
    pieces = distil.cut(training.texts, taught.seed)
    model = AutoModelForSequenceClassification.from_pretrained(args.model)
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    distil.label(model, tokenizer, taught.length, pieces, args.out)
    print(f"{args.out}: the scores of {len(pieces.texts)} pieces")


def _train(args: argparse.Namespace) -> None:
    chosen = recipe.load(args.recipe)
    training, held_out = _split(args, chosen)
    if args.labels:
        pieces = distil.cut(training.texts, chosen.seed)
        training = distil.learnable(
            training, pieces, args.labels, chosen.softness, chosen.label_share
        )
        print(f"{len(training)} pieces of them with a teacher's scores")
    folder = args.out or Path("runs") / chosen.name
    run = Run(folder, chosen, data.digest([training, held_out]))
    data.write(held_out, folder / HELD_OUT)
    train(run, *initial_model(chosen, CACHE), training, held_out)
    print(f"trained: {folder / 'checkpoint'}; held out: {folder / HELD_OUT}")


def _export(args: argparse.Namespace) -> None:
    card = json.loads(args.card.read_text()) if args.card else {}
    export.export(args.model, args.out, data.read(args.data), card)


def _evaluate(args: argparse.Namespace) -> None:
    settings = Settings(engine=args.engine, model_dir=args.bundle, cache_size=0)
    figures = evaluate.report(evaluate.score(classifier.load(settings), data.read(args.data)))
    print(json.dumps(figures, indent=2))
    if args.record:
        card = dict(bundle.load(args.bundle).card)
        metrics = card.setdefault("metrics", {}).setdefault(args.record, {})
        metrics[args.engine] = figures
        export.write_card(args.bundle, card)
        print(f"recorded in {args.bundle / 'card.json'} as {args.record}")


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", nargs="+", required=True, metavar="FILE[=WEIGHT]",
                         help="labelled texts; of the first some are held out; a weight says how "
                              "often an epoch sees each text of the file")  # fmt: skip
    command.add_argument("--test", type=Path, nargs="*", default=[], metavar="FILE",
                         help="files whose texts must not be trained on")  # fmt: skip


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("train", help="fine-tune; an interrupted run resumes")
    _add_data(command)
    command.add_argument(
        "--recipe",
        type=Path,
        default=CONFIGS / "two-phase.toml",
        help=f"one of {', '.join(sorted(p.name for p in CONFIGS.glob('*.toml')))} or your own",
    )
    command.add_argument("--labels", type=Path, metavar="FILE",
                         help="what a teacher found, as label wrote it")  # fmt: skip
    command.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the run's folder, by default runs/ and the recipe's name",
    )
    command.set_defaults(run=_train)

    command = commands.add_parser("label", help="have a teacher score pieces of the texts")
    command.add_argument("--model", type=Path, required=True, metavar="FOLDER",
                         help="the teacher's checkpoint")  # fmt: skip
    _add_data(command)
    command.add_argument("--out", type=Path, default=LABELS, metavar="FILE", help="ends in .npz")
    command.set_defaults(run=_label)

    command = commands.add_parser("export", help="make a bundle of a checkpoint")
    command.add_argument("--model", required=True, help="a folder or, where there is a hub, an id")
    command.add_argument("--data", type=Path, default=REVIEWS, metavar="FILE",
                         help="held-out labelled texts, to calibrate and verify on")  # fmt: skip
    command.add_argument("--card", type=Path, help="JSON with what else the card shall say")
    command.add_argument("--out", type=Path, default=Path("model"), help="the bundle's folder")
    command.set_defaults(run=_export)

    command = commands.add_parser("evaluate", help="measure a bundle on a labelled file")
    command.add_argument("--data", type=Path, required=True, metavar="FILE")
    command.add_argument("--bundle", type=Path, default=Path("model"))
    command.add_argument("--engine", choices=("native", "onnx", "torch"), default="native")
    command.add_argument("--record", metavar="NAME", help="write the figures into the card")
    command.set_defaults(run=_evaluate)

    args = parser.parse_args()
    try:
        args.run(args)
    except (ValueError, OSError, bundle.BundleError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
