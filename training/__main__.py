"""`python -m training`: the pipeline's commands."""

import argparse
from pathlib import Path

from tokenizers import Tokenizer

from training import base, data, recipe
from training.train import initial_model, train


def _train(args: argparse.Namespace) -> None:
    chosen = recipe.load(args.recipe)
    tested = [text for path in args.test for text in data.read(path).texts]
    reviews = data.without(data.read(args.data[0]), tested)
    training, held_out = data.hold_out(reviews, chosen.held_out, chosen.seed)
    others = [data.read(path) for path in args.data[1:]]
    training = data.without(data.join([training, *others]), [*tested, *held_out.texts])
    print(f"{len(training)} texts to train on, {len(held_out)} held out")
    tokenizer = Tokenizer.from_file(str(base.minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    train(chosen, initial_model(chosen), tokenizer, training, held_out, args.out)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train", help="fine-tune; an interrupted run resumes")
    command.add_argument("--data", type=Path, nargs="+", required=True)
    command.add_argument("--test", type=Path, nargs="*", default=[])
    command.add_argument("--recipe", type=Path, default=Path("training/configs/shipped.toml"))
    command.add_argument("--out", type=Path, default=Path("runs/shipped"))
    command.set_defaults(run=_train)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
