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
from training import card, data, distil, evaluate, export, plots, recipe
from training.data import Examples
from training.recipe import Recipe
from training.train import Run, initial_model, train

REVIEWS = Path(__file__).with_name("reviews.csv")
CONFIGS = Path(__file__).with_name("configs")
LABELS = Path(__file__).with_name("teacher.npz")
HELD_OUT = "held_out.csv"
CACHE = Path(".cache")
EVALUATIONS = Path("runs/evaluations")


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
    known = json.loads(args.card.read_text()) if args.card else {}
    export.export(args.model, args.out, data.read(args.data), known)


def _evaluate(args: argparse.Namespace) -> None:
    examples = data.read(args.data)
    settings = Settings(engine=args.engine, model_dir=args.bundle, cache_size=0)
    scored = evaluate.score(classifier.load(settings), examples)
    figures = evaluate.report(scored, data.ratings(args.data))
    print(json.dumps({k: v for k, v in figures.items() if k != "reliability"}, indent=2))
    mistakes = evaluate.mistakes(scored, examples.texts)
    folder = args.out or EVALUATIONS / args.bundle.name / f"{args.data.stem}-{args.engine}"
    folder.mkdir(parents=True, exist_ok=True)
    report = {"data": str(args.data), "engine": args.engine, **figures, "mistakes": mistakes}
    (folder / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    title = f"{args.data.stem}, {args.engine} engine"
    (folder / "report.html").write_text(plots.page(title, figures, mistakes))
    print(f"plots and mistakes: {folder / 'report.html'}")
    if args.record:
        card.record(args.card or args.bundle, args.record, args.engine, figures, args.weights)


def _tune(args: argparse.Namespace) -> None:
    from training import tune  # optuna, which nothing else needs

    base = recipe.load(args.recipe)
    training, held_out = _split(args, base)
    if args.texts < len(training):
        _, training = data.hold_out(training, args.texts, base.seed)
    tune.tune(base, training, held_out, args.trials, args.out, CACHE)


def _card(args: argparse.Namespace) -> None:
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(card.markdown(bundle.load(args.bundle).card))
    print(f"{args.out}: the card of {args.bundle}")


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
    command.add_argument("--out", type=Path, metavar="FOLDER",
                         help="for the report, by default under runs/evaluations")  # fmt: skip
    command.add_argument("--record", metavar="NAME", help="write the figures into the card")
    command.add_argument("--card", type=Path, metavar="BUNDLE", help="whose card, if not its own")
    command.add_argument("--weights", metavar="NAME",
                         help="what they are called there, beside that bundle's own")  # fmt: skip
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("tune", help="search for a better recipe; resumes")
    _add_data(command)
    command.add_argument("--recipe", type=Path, default=CONFIGS / "tune.toml",
                         help="what the search does not vary")  # fmt: skip
    command.add_argument("--texts", type=int, default=2000, help="how many to train on")
    command.add_argument("--trials", type=int, default=20, help="in all, those before included")
    command.add_argument("--out", type=Path, default=Path("runs/tune"), metavar="FOLDER")
    command.set_defaults(run=_tune)

    command = commands.add_parser("card", help="write the model card as a page")
    command.add_argument("--bundle", type=Path, default=Path("model"))
    command.add_argument("--out", type=Path, default=Path("docs/model-card.md"))
    command.set_defaults(run=_card)

    args = parser.parse_args()
    try:
        args.run(args)
    except (ValueError, OSError, bundle.BundleError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
