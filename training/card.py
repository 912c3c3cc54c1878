"""The model card: what is known of the weights, in the bundle and as a page."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.sentiment import bundle
from app.sentiment.bundle import CHECKSUMS
from app.sentiment.polarity import MAX_PROBABILITY, POWER
from app.sentiment.temperature import LONG_TOKENS, SHORT_TOKENS
from training.behaviour import suite
from training.behaviour.cases import OF_PEOPLE, TOLERANCE
from training.behaviour.suite import SUMMARY, Result

FILE = "card.json"
MEASURED = ("metrics", "abilities", "behaviour")
"""What evaluations write into the card. It no longer holds when the temperature changes."""
_TWO_WAY = {"accuracy": "accuracy", "F1": "f1", "ROC AUC": "roc_auc"}
_THREE_WAY = {
    "accuracy": "accuracy",
    "macro recall": "macro_recall",
    "Negative": "recall_negative",
    "Neutral": "recall_neutral",
    "Positive": "recall_positive",
}
_CALIBRATION = {"log loss": "log_loss", "calibration error": "calibration_error"}
_SCORES = ("f1", "roc_auc", "log_loss")
"""Figures that are no shares, and not written in percent."""
_ENGINES = {
    "native": "native (int8)",
    "onnx": "onnx (int8)",
    "torch": "torch (fp32)",
    "reported": "as reported",
}

_ORDERS = ("explanations", "integrated gradients", "random")


def write(folder: Path, card: Mapping[str, Any]) -> None:
    """Replace the bundle's card, and its checksums with it."""
    (folder / FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != CHECKSUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines))


def record(
    folder: Path, data: str, engine: str, figures: Mapping[str, Any], weights: str | None = None
) -> None:
    """Write an evaluation's figures into the bundle's card.

    ``weights``: whose they are, where they are not this bundle's own but stand beside them.
    """
    card = dict(bundle.load(folder).card)
    if weights:
        metrics = card.setdefault("compared", {}).setdefault(weights, {})
    else:
        metrics = card.setdefault("metrics", {})
    recorded = {name: value for name, value in figures.items() if name != "reliability"}
    metrics.setdefault(data, {})[engine] = recorded
    write(folder, card)
    print(f"recorded in {folder / FILE} as {data}{f' of {weights}' if weights else ''}")


def record_abilities(folder: Path, engine: str, results: Mapping[str, Result]) -> None:
    """Write the share of each ability's cases that failed, and what sums them up, into the card."""
    card = dict(bundle.load(folder).card)
    for name, values in suite.summary(results).items():
        card.setdefault(name, {})[engine] = values
    write(folder, card)
    print(f"recorded in {folder / FILE}: {len(results)} abilities")


def markdown(card: Mapping[str, Any], measured: Mapping[str, Any] | None = None) -> str:
    """Return the card as a page; what it does not say is left out.

    ``measured``: what `python -m bench --only explanations` wrote, left out too where it is of
    other weights.

    Raises:
        ValueError: it holds no figures, or figures without intervals.
    """
    try:
        return "\n".join(_lines(card, measured)) + "\n"
    except KeyError as error:
        raise ValueError(
            f"the card has no {error}: make evaluate RECORD=… writes figures"
        ) from None


def _lines(card: Mapping[str, Any], measured: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"# {card['name']}"
    yield ""
    yield (
        f"Made by `make card` from the bundle's `{FILE}`, whose figures `make evaluate` wrote; "
        f"revision `{card['revision']}`."
    )
    yield from _section("What it is for", [card["task"]] if "task" in card else [])
    yield from ("", "## What it is", "", _what_it_is(card))
    yield from ("", "## How good it is", "")
    yield (
        "With 95 % bootstrap intervals; each row is what `make evaluate DATA=… ENGINE=…` prints of "
        "the set. None was trained on. Those named dev were looked at while choosing; nothing "
        "was fitted to those named test."
    )
    metrics = [
        (data, engine, figures)
        for data, engines in card["metrics"].items()
        for engine, figures in engines.items()
    ]
    two_way = [row for row in metrics if "macro_recall" not in row[2]]
    three_way = [row for row in metrics if "macro_recall" in row[2]]
    if two_way:
        yield from ("", "### Positive or Negative", "")
        yield from _figures(_TWO_WAY, two_way)
    if three_way:
        yield from (
            "",
            "### Positive, Neutral or Negative",
            "",
            "The last three columns are the recall of each label.",
            "",
        )
        yield from _figures(_THREE_WAY, three_way)
    yield from (
        "",
        "### Calibration",
        "",
        "The calibration error is the mean distance of the confidence, the probability of the most "
        "probable outcome, from the accuracy, over 15 bins.",
        "",
    )
    yield from _figures(
        _CALIBRATION, [row for row in metrics if "calibration_error" in row[2]], outcomes=True
    )
    for kind, title, unit in (
        ("by_length", "By length", "tokens"),
        ("by_rating", "By rating", "stars"),
    ):
        rows = [
            (data, group, f"{of_group['examples']:,}", _accuracy(of_group))
            for data, engines in card["metrics"].items()
            for group, of_group in engines.get("native", {}).get(kind, {}).items()
        ]
        if rows:
            yield from ("", f"### {title}", "")
            yield from _table(("data", unit, "examples", "accuracy"), rows)
    yield from _beside_others(card)
    yield from _abilities(card)
    if measured and measured["revision"] == card["revision"]:
        yield from ("", "## Explanations", "", *explanations(measured))
    yield from _how_it_was_made(card)
    yield from _section("Limits", [f"- {limit}" for limit in card.get("limits", ())])
    yield from _section("Bias", [*(f"- {note}" for note in card.get("bias", ())), *_pairs(card)])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"## {title}", "", *lines)


def _how_it_is_cut(windows: Mapping[str, int]) -> str:
    texts = f"of up to {windows['up_to']} tokens" if "up_to" in windows else "of any other length"
    return (
        f"A text {texts} is read in windows of {windows['length']}, one every {windows['stride']}."
    )


def _what_it_is(card: Mapping[str, Any]) -> str:
    shape, inference = card["architecture"], card["inference"]
    description = (
        f"A `{shape['type']}` of {shape['layers']} layers, {shape['width']} wide, with "
        f"{shape['heads']} heads: {shape['parameters'] / 1e6:.1f} million parameters. "
        f"{' '.join(map(_how_it_is_cut, inference['windows']))} The mean of the windows' logits, "
        f"in which the first and the last count twice, over a temperature of "
        f"{_temperature(inference['temperature'])}, gives the probabilities."
    )
    if len(shape.get("labels", ())) == 3:
        description += (
            " A window counts by the probability that it is not Neutral. Where only Positive and "
            "Negative are asked for, half of Neutral's probability goes to each; the odds of these "
            f"halves are taken to the power of {POWER}, and neither side gets more than "
            f"{MAX_PROBABILITY}."
        )
    if "languages" in card:
        description += f" Languages: {', '.join(card['languages'])}."
    if "license" in card:
        description += f" Licence: {card['license']}."
    return description


def _temperature(stated: float | Mapping[str, float]) -> str:
    if isinstance(stated, Mapping):
        return (
            f"{stated['short']} for texts of up to {SHORT_TOKENS} tokens and {stated['long']} for "
            f"those of {LONG_TOKENS} or more, linear in the logarithm of the tokens between them"
        )
    return str(stated)


def _abilities(card: Mapping[str, Any]) -> Iterator[str]:
    """Yield the share of failures of each ability, by engine, the worst ability first."""
    engines: Mapping[str, Any] = card.get("abilities", {})
    if not engines:
        return
    yield from ("", "## Abilities", "")
    yield (
        "Failures on sentences whose right outcome follows from how they were built, by `make "
        "abilities`. Neither their templates nor, apart from emoji, their words were trained on."
    )
    yield ""
    summaries: Mapping[str, Any] = card.get("behaviour", {})
    if summaries:
        yield from _table(
            ("in all", *(_ENGINES[engine] for engine in summaries)),
            [
                (text, *(_percent(of_engine.get(name)) for of_engine in summaries.values()))
                for name, text in SUMMARY.items()
            ],
        )
        yield ""
    rates: dict[str, dict[str, str]] = {}
    cases = {}
    for engine, results in engines.items():
        for name, result in _worst_first(results):
            cases[name] = f"{result['cases']:,}"
            rates.setdefault(name, {})[engine] = f"{result['failure_rate']:.1%}"
    yield from _table(
        ("ability", "cases", *(_ENGINES[engine] for engine in engines)),
        [
            (name, cases[name], *(of_ability.get(engine, "–") for engine in engines))
            for name, of_ability in rates.items()
        ],
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _pairs(card: Mapping[str, Any]) -> Iterator[str]:
    """Yield how often a score depends on who or what a sentence speaks of."""
    results = {
        name: result
        for name, result in card.get("abilities", {}).get("native", {}).items()
        if name.startswith(OF_PEOPLE)
    }
    if results:
        yield ""
        yield (
            "Of pairs of sentences that differ in nothing but an identity, or in a name, place, "
            f"number or date, these have a probability that differs by more than {TOLERANCE}:"
        )
        yield ""
        yield from _table(
            ("what differs", "pairs", "differ"),
            [
                (name, f"{result['cases']:,}", f"{result['failure_rate']:.1%}")
                for name, result in _worst_first(results)
            ],
        )


def _worst_first(results: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(results.items(), key=lambda item: -item[1]["failure_rate"])


def _beside_others(card: Mapping[str, Any]) -> Iterator[str]:
    compared = card.get("compared", {})
    sets = {data for of_weights in compared.values() for data in of_weights}
    rows = [
        (weights, data, _ENGINES[engine], f"{figures['accuracy']:.2%}", _balanced(figures))
        for weights, of_weights in {"these": card["metrics"], **compared}.items()
        for data, engines in of_weights.items()
        for engine, figures in engines.items()
        if data in sets
    ]
    if compared:
        yield from ("", "### Beside others", "")
        yield from _table(("weights", "data", "engine", "accuracy", "F1 or macro recall"), rows)


def explanations(measured: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that say how good explanations are, and how long they take."""
    yield (
        "How well `POST /explain` finds the words that decide, by `python -m bench --only "
        "explanations`. Words are left out of a text (deletion) or put into an empty one "
        "(insertion), from what speaks most for the predicted label to what speaks most against "
        "it; the area is the one under the label's probability, with 95 % bootstrap intervals. "
        "Integrated gradients are the torch reference's, from padding as the baseline."
    )
    yield ""
    yield from _table(
        ("data", "texts", "area of", "explanations", "integrated gradients", "random order"),
        [
            (
                data,
                str(areas["texts"]),
                f"{kind}, {better} is better",
                *(_area(areas[kind][way]) for way in _ORDERS),
            )
            for data, areas in measured["sets"].items()
            for kind, better in (("deletion", "less"), ("insertion", "more"))
        ],
    )
    signs = measured["signs"]
    yield ""
    took = " and ".join(
        f"{took['clock']:.2f} s of {tokens} tokens ({took['cpu']:.2f} s of processor time)"
        for tokens, took in measured["seconds"].items()
    )
    yield (
        f'Of {signs["words"]} key words in {signs["sentences"]} sentences such as "Not bad at '
        f'all.", explanations give {signs["right"]["explanations"]} the sign that they should '
        f"have, integrated gradients {signs['right']['integrated gradients']}. An explanation took "
        f"{took}; medians, on {measured['machine']['cores']} cores."
    )


def _area(area: Mapping[str, Any]) -> str:
    low, high = area["interval"]
    return f"{area['mean']:.3f} ({low:.3f} – {high:.3f})"


def _how_it_was_made(card: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## How it was made", "")
    if "base" in card:
        base = card["base"]
        yield f"From `{base['name']}` ({base['license']}), {base['conversion']}."
        yield ""
    if "data" in card:
        yield from (*(f"- {data}" for data in card["data"]), "")
    if "quantisation" in card:
        yield from (*_quantisation(card["quantisation"]), "")
    if "recipe" in card:
        recipe = card["recipe"]
        yield f"By the recipe `{recipe['name']}`:"
        yield from ("", "```json", json.dumps(recipe, indent=2), "```")
    if "reproduce" in card:
        yield from ("", "To make it again:", "", "```sh", *card["reproduce"], "```")


def _quantisation(rounding: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{rounding['method']} rounded the weights to int8, with the activations of "
        f"{rounding['texts']:,} texts ({rounding['tokens']:,} tokens). On the texts that the "
        "export was given:"
    )
    yield ""
    yield from _table(
        ("data", "texts", "accuracy in int8", "in fp32", "same label"),
        [
            (
                data,
                f"{figures['texts']:,}",
                *(f"{figures[name]:.2%}" for name in ("int8", "fp32", "same")),
            )
            for data, figures in rounding["verified"].items()
        ],
    )


def _figures(
    columns: Mapping[str, str],
    rows: Sequence[tuple[str, str, Mapping[str, Any]]],
    *,
    outcomes: bool = False,
) -> Iterator[str]:
    """Yield a table of figures with their intervals, and of how many outcomes they are if asked."""
    yield from _table(
        ("data", "engine", *(["outcomes"] if outcomes else []), "examples", *columns),
        [
            (
                data,
                _ENGINES[engine],
                *(["three" if "macro_recall" in figures else "two"] if outcomes else []),
                f"{figures['examples']:,}",
                *(_with_interval(figures, name) for name in columns.values()),
            )
            for data, engine, figures in rows
        ],
    )


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    if figures.get(name) is None:
        return "–"
    low, high = figures["intervals"][name]
    if name in _SCORES:
        return f"{figures[name]:.4f} ({low:.4f} – {high:.4f})"
    return f"{figures[name]:.2%} ({low:.2%} – {high:.2%})"


def _balanced(figures: Mapping[str, Any]) -> str:
    """Return the figure beside the accuracy that rare labels do not vanish in."""
    return f"{figures['f1']:.4f}" if "f1" in figures else f"{figures['macro_recall']:.2%}"


def _accuracy(figures: Mapping[str, Any]) -> str:
    low, high = figures["interval"]
    return f"{figures['accuracy']:.2%} ({low:.2%} – {high:.2%})"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
