"""From labelled text to a model bundle: train, export, evaluate, card.

Labelled text is any of:
  reviews.parquet, .csv, .jsonl   columns text (review, comment, ...) and label (0/1, neg/pos, ...),
                                  or those that --text-column and --label-column name
  aclImdb/train                   a folder with a text a file under neg and pos
  owner/name[:split]              a data set of the Hugging Face hub
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.sentiment import bundle, classifier, engines
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.windows import Windows
from training import (
    card,
    curriculum,
    data,
    distil,
    evaluate,
    export,
    feedback,
    plots,
    recipe,
    snippets,
    stars,
    tables,
)
from training.behaviour import report, suite
from training.behaviour.suite import Result
from training.data import Examples
from training.feedback import Corrections
from training.split import Sources, only_half, read_split
from training.tables import Columns
from training.train import Run, initial_model, save_mean, started_from, train

REVIEWS = Path(__file__).with_name("reviews.csv")
CONFIGS = Path(__file__).with_name("configs")
LABELS = Path(__file__).with_name("teacher.npz")
HELD_OUT = "held_out.csv"
ALSO_HELD_OUT = "also_held_out.csv"
CORRECTED = "feedback.csv"
CORRECTED_HELD_OUT = "feedback_held_out.csv"
MODEL = Path("model")
CACHE = Path(".cache")
EVALUATIONS = Path("runs/evaluations")


def _columns(args: argparse.Namespace) -> Columns:
    return Columns(args.text_column, args.label_column, args.stars)


def _sources(args: argparse.Namespace) -> Sources:
    return Sources(
        args.data,
        _columns(args),
        tests=args.test,
        excluded=args.exclude,
        also=args.also,
        graded=args.graded,
        augmented=args.augment,
    )


def _corrections(args: argparse.Namespace) -> Corrections | None:
    """Return what feedback corrected, if the options name any."""
    if not args.feedback:
        return None
    sources = [data.source(argument) for argument in args.feedback]
    texts = args.texts or [path for path, _ in sources]
    corrections = feedback.read(sources, texts, args.id_column, args.text_column)
    print(corrections.summary)
    return corrections


def _label(args: argparse.Namespace) -> None:
    taught, *others = map(recipe.of_checkpoint, args.model)
    if any(other != taught for other in others):
        raise ValueError("the teachers were trained by different recipes")
    whole = bool(args.also or args.graded)
    if whole and not args.neutral:
        raise ValueError("--also and --graded need --neutral: neutral texts may be among them")
    if args.only == "also" and not whole:
        raise ValueError("--only also needs --also or --graded")
    if args.only in ("passages", "sentences", "augmented") and not args.neutral:
        raise ValueError(f"--only {args.only} needs --neutral: some of these texts are neutral")
    sources = _sources(args)
    split = read_split(sources, taught)
    scored: distil.Scored = args.only or ("all" if whole else "data")
    texts = curriculum.scored_texts(scored, split).texts
    pieces = curriculum.pieces(scored, split, sources, taught.seed)
    teachers = [
        distil.Teacher(folder, taught.length, recipe.half_of_checkpoint(folder))
        for folder in args.model
    ]
    halves = np.array(list(map(data.half, texts)))[pieces.sources]
    distil.label(teachers, pieces, args.out, halves=halves, neutral=args.neutral, scored=scored)
    print(f"{args.out}: the scores of {len(pieces.texts)} pieces")


def _train(args: argparse.Namespace) -> None:
    chosen = recipe.load(args.recipe)
    corrections = _corrections(args)
    sources = _sources(args)
    split = read_split(sources, chosen, corrections)
    if args.half:
        split = only_half(split, args.half)
    held_out = split.held_out
    training = curriculum.soft_targets(split, sources, args.labels, chosen)
    if chosen.lessons:
        taught = curriculum.lesson_examples(chosen)
        training = data.join([training, taught])
        print(f"{len(taught)} lessons")
    if chosen.noisy:
        copies = curriculum.noisy_copies(training, chosen)
        training = data.join([training, copies])
        print(f"{len(copies)} noisy copies")
    name = f"{chosen.name}-{args.half}" if args.half else chosen.name
    folder = args.out or Path("runs") / name
    run = Run(folder, chosen, data.digest([training, held_out]), args.half)
    data.write(held_out, folder / HELD_OUT)
    if chosen.also_held_out:
        data.write(split.also_held_out, folder / ALSO_HELD_OUT)
    if corrections:
        data.write(corrections.learnt, folder / CORRECTED)
        if len(corrections.held_out):
            data.write(corrections.held_out, folder / CORRECTED_HELD_OUT)
    model = started_from(args.start, chosen) if args.start else initial_model(chosen, CACHE)
    train(run, *model, training, held_out)
    print(f"trained: {folder / 'checkpoint'}; held out: {folder / HELD_OUT}")


def _mean(args: argparse.Namespace) -> None:
    save_mean(args.model, args.out, args.neutral_shift)
    print(f"{args.out}: the mean of {len(args.model)} checkpoints")


def _divide(args: argparse.Namespace) -> None:
    data.divide(data.read(args.data, columns=_columns(args)), args.out / args.data.stem)


def _export(args: argparse.Namespace) -> None:
    card_fields = json.loads(args.card.read_text()) if args.card else {}
    export.export(
        args.model,
        args.out,
        _by_name(args),
        card_fields,
        args.loss,
        with_fp16="fp16" in args.extras,
        with_onnx="onnx" in args.extras,
    )


def _onnx(args: argparse.Namespace) -> None:
    source = bundle.load(args.bundle)
    export.write_graph(source, {args.data.name: data.read(args.data)}, args.out, args.loss)
    print(f"{args.out}: the int8 graph of revision {source.revision}")


def _calibrate(args: argparse.Namespace) -> None:
    export.calibrate(args.bundle, _by_name(args))


def _by_name(args: argparse.Namespace) -> dict[str, Examples]:
    """Read the files of --data.

    Raises:
        ValueError: two of them have the same name, by which the card would list them.
    """
    names = [path.name for path in args.data]
    if len(set(names)) < len(names):
        raise ValueError(f"--data has two files of the same name: {', '.join(names)}")
    return {path.name: data.read(path, columns=_columns(args)) for path in args.data}


def _evaluate(args: argparse.Namespace) -> None:
    columns = _columns(args)
    examples = data.read(args.data, columns=columns)
    served = bundle.load(args.bundle)
    name = f"{args.data.stem}-{args.engine}"
    if args.window or args.stride:
        if args.record:
            raise ValueError("--record is for the bundle as it is served, with its own windows")
        if not (args.window and args.stride):
            raise ValueError("--window and --stride go together")
        served = replace(served, windows=(Windows(args.window, args.stride),))
        name += f"-{args.window}-{args.stride}"
    if (args.card is None) != (args.weights is None):
        raise ValueError("--card and --weights go together: whose card, and who is beside it")
    loaded = SentimentClassifier(served, engines.load(args.engine, served, threads=0))
    scored = evaluate.score(loaded, examples)
    figures = evaluate.report(scored, data.ratings(args.data, columns))
    comparison: dict[str, Any] = {}
    if args.beside:
        other = classifier.load(args.beside, args.engine)
        comparison = evaluate.compare(scored, evaluate.score(other, examples))
    print(json.dumps({k: v for k, v in figures.items() if k != "reliability"}, indent=2))
    mistakes = evaluate.mistakes(scored, examples.texts)
    abilities_folder = args.out / "abilities" if args.out else _of_abilities(args)
    # Other windows than the bundle's own are for long texts, and the suite's are short.
    abilities = {} if args.window else _measure_abilities(loaded, args.engine, abilities_folder)
    folder = args.out or EVALUATIONS / args.bundle.name / name
    folder.mkdir(parents=True, exist_ok=True)
    temperature = asdict(served.temperature)
    how = {"revision": served.revision, "engine": args.engine, "temperature": temperature}
    windows = [asdict(each) for each in served.windows]
    measured = {
        "data": str(args.data),
        **how,
        "windows": windows,
        **figures,
        "mistakes": mistakes,
        **suite.summary(abilities),
        **({"beside": comparison} if comparison else {}),
    }
    (folder / "report.json").write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n")
    title = f"{args.data.stem}, {args.engine} engine"
    (folder / "report.html").write_text(plots.page(title, figures, mistakes, abilities))
    print(f"plots and mistakes: {folder / 'report.html'}")
    if args.beside:
        _print_comparison(args, figures["accuracy"], comparison)
    if args.record:
        card.record(args.card or args.bundle, args.record, args.engine, figures, args.weights)
        if not args.card:
            card.record_abilities(args.bundle, args.engine, abilities)


def _print_comparison(
    args: argparse.Namespace, accuracy: float, comparison: dict[str, Any]
) -> None:
    print(
        f"accuracy of {args.bundle}: {accuracy:.2%}; of {args.beside}: "
        f"{comparison['accuracy_beside']:.2%}\n"
        f"only {args.bundle} is right on {comparison['only_this_right']} texts, only {args.beside} "
        f"on {comparison['only_beside_right']}; p = {comparison['p']:.3f} that this is chance"
    )


def _abilities(args: argparse.Namespace) -> None:
    loaded = classifier.load(args.bundle, args.engine)
    results = _measure_abilities(loaded, args.engine, args.out or _of_abilities(args), again=True)
    if args.record:
        card.record_abilities(args.bundle, args.engine, results)


def _of_abilities(args: argparse.Namespace) -> Path:
    """Return the folder for the report of a bundle's abilities."""
    bundle_folder: Path = args.bundle
    return EVALUATIONS / bundle_folder.name / f"abilities-{args.engine}"


def _measure_abilities(
    loaded: SentimentClassifier, engine: str, folder: Path, *, again: bool = False
) -> dict[str, Result]:
    """Print the table of abilities and return their results; see `training.behaviour.report`."""
    path = folder / "report.json"
    results = report.abilities(loaded, engine, path, again=again)
    print(suite.table(results))
    print(f"with examples of the failures: {path}")
    return results


def _tune(args: argparse.Namespace) -> None:
    from training import tune  # optuna, which nothing else needs

    base = recipe.load(args.recipe)
    split = read_split(Sources(args.data, _columns(args), args.test, args.exclude), base)
    training = split.training
    if args.texts < len(training):
        _, training = data.hold_out(training, args.texts, base.seed)
    tune.tune(base, training, split.held_out, args.trials, args.out, CACHE)


def _snippets(args: argparse.Namespace) -> None:
    snippets.fetch(args.out)


def _card(args: argparse.Namespace) -> None:
    args.out.parent.mkdir(exist_ok=True)
    measured = json.loads(args.explanations.read_text()) if args.explanations.exists() else None
    args.out.write_text(card.markdown(bundle.load(args.bundle).card, measured))
    print(f"{args.out}: the card of {args.bundle}")


def _stars(argument: str) -> stars.Stars:
    try:
        return stars.parse(argument)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=__doc__,
        epilog="Each command explains itself: python -m training train --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(run: Callable[[argparse.Namespace], None], help: str) -> Callable[..., Any]:
        """Add a command, named for its function; return what adds its options."""
        name = run.__name__.removeprefix("_")
        added = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
        added.set_defaults(run=run)
        return added.add_argument

    def add_columns(option: Callable[..., Any]) -> None:
        option("--text-column", default="", metavar="NAME",
               help="of the tables' columns that with the texts, by default the first of "
                    f"{', '.join(tables.TEXT_COLUMNS)}")  # fmt: skip
        option("--label-column", default="", metavar="NAME",
               help="that with the labels, by default the first of "
                    f"{', '.join(tables.LABEL_COLUMNS)}; with --stars, of "
                    f"{', '.join(tables.STAR_COLUMNS)} and these")  # fmt: skip
        option("--stars", type=_stars, metavar="1-5",
               help="the labels are grades: a scale, of which the middle fifth is Neutral, or the "
                    "grades of Negative, Neutral and Positive, such as 1-2,3,4-5 "
                    "(=-1-1 for a scale from -1)")  # fmt: skip

    def add_data(option: Callable[..., Any]) -> None:
        option("--data", nargs="+", required=True, metavar="TEXTS[=WEIGHT]",
               help="labelled texts, one source or several; of the first some are held out; a "
                    "weight says how often an epoch sees each text of the source")  # fmt: skip
        option("--test", type=Path, nargs="*", default=[], metavar="TEXTS",
               help="labelled texts that must not be trained on")  # fmt: skip
        option("--exclude", type=Path, nargs="*", default=[], metavar="FILE",
               help="more such texts, or their keys (`training.data.key`) in .txt")  # fmt: skip
        add_columns(option)

    def add_also(option: Callable[..., Any]) -> None:
        option("--also", nargs="+", default=[], metavar="TEXTS[=WEIGHT]",
               help="labelled texts to learn whole, without a teacher unless --labels has its "
                    "scores of them too")  # fmt: skip
        option("--graded", nargs="+", default=[], metavar="TEXTS[=WEIGHT]",
               help="more such texts, of which the column rating, from 1 to 5, says how positive "
                    "they are")  # fmt: skip

    def add_augment(option: Callable[..., Any]) -> None:
        option("--augment", nargs="+", default=[], metavar="TEXTS[=COUNT]",
               help="files of --also and --graded to make new texts of, so many of each text: "
                    "phrases, other words, joined phrases")  # fmt: skip

    recipes = ", ".join(sorted(path.name for path in CONFIGS.glob("*.toml")))

    option = command(_train, "fine-tune by a recipe; an interrupted run resumes")
    add_data(option)
    option("--recipe", type=Path, default=CONFIGS / "two-phase.toml",
           help=f"{recipes} of training/configs, or your own")  # fmt: skip
    option("--labels", type=Path, nargs="*", default=[], metavar="FILE",
           help="teachers' scores, as label wrote them: one file of all texts, or one of --data "
                "and one of --also and --graded; one of passages, of sentences and of new "
                "texts")  # fmt: skip
    option("--out", type=Path, metavar="FOLDER", help="by default runs/ and the recipe's name")
    add_also(option)
    add_augment(option)
    option(
        "--feedback",
        nargs="+",
        default=[],
        metavar="FILE[=WEIGHT]",
        help="corrections to learn whole, as the sinks store or the service logs them",
    )
    option("--texts", type=Path, nargs="+", default=[], metavar="FILE",
           help="ids and texts of the corrected predictions: the service's log with texts, or "
                "tables; by default the files of --feedback")  # fmt: skip
    option(
        "--id-column",
        default="",
        metavar="NAME",
        help=f"of their ids, by default the first of {', '.join(feedback.ID_COLUMNS)}",
    )
    option("--half", type=int, choices=(1, 2),
           help="learn only this half of the texts, chosen by their keys, to score the other "
                "with label; by default --out then ends in it")  # fmt: skip
    option("--start", type=Path, metavar="FOLDER",
           help="the checkpoint or bundle to go on from, not the recipe's base")  # fmt: skip

    option = command(_mean, "write the mean of the weights of checkpoints")
    option("--model", type=Path, nargs="+", required=True, help="folders; of the last, all else")
    option("--neutral-shift", type=float, default=0, metavar="X",
           help="added to Neutral's logit: below 0, fewer texts are Neutral")  # fmt: skip
    option("--out", type=Path, required=True, metavar="FOLDER")

    option = command(_divide, "divide labelled texts by their keys: a fifth tests, the rest trains")
    option("--data", type=Path, required=True, metavar="TEXTS")
    option("--out", type=Path, default=Path("data"), metavar="FOLDER")
    add_columns(option)

    option = command(_label, "have a teacher score pieces of the texts; resumes")
    option("--model", type=Path, nargs="+", required=True, metavar="FOLDER",
           help="the teacher's checkpoint, or those of train --half 1 and --half 2, which each "
                "score the texts that they were not trained on")  # fmt: skip
    option("--neutral", action="store_true",
           help="write the scores of three labels, of teachers that were trained on neutral "
                "texts too; by default those of Positive against Negative")  # fmt: skip
    add_data(option)
    add_also(option)
    add_augment(option)
    option("--only", choices=("also", "passages", "sentences", "augmented"),
           help="score only the texts of --also and --graded, short passages or single sentences "
                "of --data, or the new texts of --augment")  # fmt: skip
    option("--out", type=Path, default=LABELS, metavar="FILE", help="ends in .npz")

    option = command(_tune, "search for a better recipe; resumes")
    add_data(option)
    option("--recipe", type=Path, default=CONFIGS / "tune.toml", help="what stays as it is")
    option("--texts", type=int, default=2000, help="how many to train on, by default 2000")
    option("--trials", type=int, default=20, help="how many in all, by default 20")
    option("--out", type=Path, default=Path("runs/tune"), metavar="FOLDER")

    option = command(_export, "make a bundle of a checkpoint")
    option("--model", required=True, help="a folder or, where there is a hub, an id")
    option("--data", type=Path, nargs="+", default=[REVIEWS], metavar="TEXTS",
           help="held-out labelled texts, to calibrate and verify on; several sources count "
                "alike in the calibration")  # fmt: skip
    add_columns(option)
    option("--card", type=Path, metavar="FILE", help="JSON with what else the card shall say")
    option("--loss", type=float, default=export.MAX_LOSS, metavar="SHARE",
           help="of these texts that int8 may lose against fp32, by default "
                f"{export.MAX_LOSS}; more is for weights that are only compared")  # fmt: skip
    option("--with", dest="extras", nargs="+", choices=("fp16", "onnx"), default=(),
           help="also write the checkpoint in fp16, an int8 ONNX graph for onnxruntime elsewhere, "
                "or both")  # fmt: skip
    option("--out", type=Path, default=MODEL, metavar="BUNDLE")

    option = command(_calibrate, "fit the temperature of a bundle anew, to your own texts")
    option("--data", type=Path, nargs="+", required=True, metavar="TEXTS",
           help="labelled texts that the weights were not trained on; several sources count "
                "alike")  # fmt: skip
    add_columns(option)
    option("--bundle", type=Path, default=MODEL)

    option = command(_onnx, "write an int8 ONNX graph of a bundle, for onnxruntime elsewhere")
    option("--bundle", type=Path, default=MODEL)
    option("--data", type=Path, default=REVIEWS, metavar="TEXTS",
           help="labelled texts, to set the int8 ranges by and to verify the graph on")  # fmt: skip
    option("--loss", type=float, default=export.MAX_LOSS, metavar="SHARE",
           help="of these texts that int8 may lose against fp32, by default "
                f"{export.MAX_LOSS}")  # fmt: skip
    option("--out", type=Path, required=True, metavar="FILE")

    option = command(_evaluate, "measure a bundle on labelled texts")
    option("--data", type=Path, required=True, metavar="TEXTS")
    add_columns(option)
    option("--bundle", type=Path, default=MODEL)
    option("--engine", choices=("native", "torch"), default="native")
    option("--window", type=int, help="tokens in a window, if not the bundle's")
    option("--stride", type=int, help="tokens from window to window, if not the bundle's")
    option("--out", type=Path, metavar="FOLDER", help="by default one under runs/evaluations")
    option("--beside", type=Path, metavar="BUNDLE", help="another bundle to compare it with")
    option("--record", metavar="NAME", help="write the figures into the card, as those on NAME")
    option("--card", type=Path, metavar="BUNDLE", help="whose card, if not its own")
    option("--weights", metavar="NAME", help="what it is called there, beside that bundle's own")

    option = command(_abilities, "test what a bundle understands, by sentences built for it")
    option("--bundle", type=Path, default=MODEL)
    option("--record", action="store_true", help="write the shares of failures into the card")
    option("--engine", choices=("native", "torch"), default="native")
    option("--out", type=Path, metavar="FOLDER", help="by default one under runs/evaluations")

    option = command(_snippets, "fetch rated sentences of product reviews and tweets from PyPI")
    option("--out", type=Path, default=Path("data"), metavar="FOLDER")

    option = command(_card, "write the model card as a page")
    option("--bundle", type=Path, default=MODEL)
    option("--explanations", type=Path, default=Path("bench/results/explanations.json"),
           metavar="FILE", help="what `python -m bench --only explanations` wrote")  # fmt: skip
    option("--out", type=Path, default=Path("docs/model-card.md"), metavar="FILE")
    return parser


def main() -> None:
    """Run the command that the arguments name."""
    parser = _parser()
    args = parser.parse_args()
    try:
        args.run(args)
    except (ValueError, OSError, RuntimeError, bundle.BundleError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
