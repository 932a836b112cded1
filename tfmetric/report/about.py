"""The sections on the data, the training and how to repeat it."""

import shlex

from tfmetric.elements import Element
from tfmetric.report.html import Html, join, shortened, table, tag
from tfmetric.report.pictures import chart, example_shown, list_class
from tfmetric.visualization import training_curves

_LISTED = 20
# Gap of MAP@R between known and unseen classes above which the page comments on it.
_LARGE_GAP = 0.15


def data_section(run) -> Html:
    """Shows the data, its split, and the findings of the check."""
    metrics, check = run.metrics, run.metrics.get("data_check") or {}
    rows = []
    for part in ("train", "test"):
        counts = {**(metrics.get(part) or {}), **(check.get(part) or {})}
        use = _use(run, part)
        rows.append(
            (
                part,
                use,
                number(counts.get("examples")),
                number(counts.get("classes")),
                _sizes(counts),
                number(counts.get("singletons")),
            )
        )
    head = ("part", "use", "examples", "classes", "examples a class", "classes with one only")
    facts = [
        ("source", tag("code", str(check.get("source") or metrics.get("dataset")))),
        ("examples", _examples(check)),
        ("split", check.get("split")),
        ("check", check.get("check")),
    ]
    return Html(
        definitions(facts)
        + table("The parts of the data", head, rows, numeric=(2, 3, 5))
        + _samples(run)
        + tag("h3", "What the data check found")
        + _findings(check)
    )


def _examples(check):
    """Describes kind, shape and dtype of the examples in words; old runs have no element."""
    if check.get("element"):
        return Element.from_dict(check["element"]).describe()
    shape = "×".join(map(str, check.get("element_shape") or ())) or "unknown"
    return f"{shape}, {check.get('dtype', 'unknown type')}"


def training_section(run) -> Html:
    """Shows the model, its training and its curves."""
    metrics, recipe = run.metrics, run.metrics.get("recipe") or {}
    model = metrics.get("model") or {}
    facts = [
        ("network", _network(model)),
        ("embedding", f"{model['embedding_dim']} numbers" if "embedding_dim" in model else None),
        ("trained", metrics.get("training")),
    ]
    parts = [definitions(facts)]
    history = metrics.get("history") or {}
    if history.get("loss"):
        words = f"Loss and figures by epoch; the last loss is {history['loss'][-1]:.4g}."
        parts.append(
            tag(
                "div",
                chart(training_curves(history, columns=1, closed_set=run.closed), words, words),
                class_="charts",
            )
        )
        if not run.closed:
            parts.append(_known_and_unseen(history))
    if recipe:
        settings = table("Settings of the training", ("setting", "value"), _settings(recipe))
        parts.append(tag("details", tag("summary", "All settings"), settings))
    return join(parts)


def _use(run, part):
    """The use of a part; of the training part early stopping may hold something out."""
    if part == "test":
        return "judged on, never trained on"
    used, held_out = "trained on", run.metrics.get("validation") or {}
    if held_out:
        of = "examples" if run.closed else "classes"
        used += f", except {number(held_out.get(of))} {of} held out for early stopping"
    return f"{used}; the test is searched in it" if run.closed else used


def _known_and_unseen(history):
    """Comments on training classes that are found far better than unseen classes."""
    known, unseen = (history.get(f"{part}map_at_r") for part in ("known_", "val_"))
    if not known or not unseen:
        return None
    gap = known[-1] - unseen[-1]
    if gap < _LARGE_GAP:
        return None
    best = max(range(len(unseen)), key=unseen.__getitem__)
    fell = unseen[best] - unseen[-1]
    advice = (
        f" The figure of the unseen classes was highest after epoch {best + 1} of {len(unseen)} "
        f"({unseen[best]:.3f}): stop earlier (--patience)."
        if fell > 0.01
        else " More classes, augmentation, dropout or a smaller network bring the two together."
    )
    return tag(
        "p",
        f"The classes of the training are found far better than the unseen ones: MAP@R "
        f"{known[-1]:.3f} against {unseen[-1]:.3f} after the last epoch. The network has "
        f"overfitted its classes.{advice}",
    )


def reproduce_section(run) -> Html:
    """Shows the command, versions, times and files."""
    metrics = run.metrics
    command = metrics.get("command")
    words = "The same command with the same versions and seed gives the same figures."
    if not command and run.directory is not None:
        command = _guessed_command(metrics)
        words = "The run did not keep its command; this one names the data and the seed only."
    if command:
        parts = [
            tag("p", words),
            tag("pre", tag("code", command), tabindex="0", aria_label="Command to reproduce"),
        ]
    else:
        parts = [tag("p", "The model was judged in Python; the program is not kept here.")]
    versions = [(name, tag("code", v)) for name, v in (metrics.get("versions") or {}).items()]
    if versions:
        parts.append(table("Versions", ("package", "version"), versions))
    seconds = metrics.get("seconds") or {}
    if seconds:
        rows = [(name, f"{value:,.1f}") for name, value in seconds.items()]
        rows.append(("all", f"{sum(seconds.values()):,.1f}"))
        parts.append(table("Time of each step", ("step", "seconds"), rows, numeric=(1,)))
    files = [
        ("run", run.directory and tag("code", str(run.directory))),
        ("exported model", metrics.get("saved_model") and tag("code", metrics["saved_model"])),
        ("made", metrics.get("created")),
    ]
    parts.append(definitions(files))
    return join(parts)


def definitions(pairs) -> Html:
    """Returns a list of names with values, without empty values."""
    items = [(tag("dt", name), tag("dd", value)) for name, value in pairs if value]
    return tag("dl", *[list(item) for item in items]) if items else Html("")


def number(value) -> str:
    """Formats a count, or a dash for a missing one."""
    return "–" if value is None else f"{value:,}"


def _sizes(counts):
    low, high = counts.get("smallest"), counts.get("largest")
    if not low or not high:
        return "–"
    if low[1] == high[1]:
        return f"{low[1]} each"
    fewest, most = shortened(low[0], 40), shortened(high[0], 40)
    return f"{low[1]} ({fewest}) to {high[1]} ({most}), median {counts.get('median', 0):g}"


def _samples(run):
    if run.evidence is None or run.evidence.thumbnails is None:
        return ""
    kept = run.judged
    seen, chosen = set(), []
    # Spread over all of the data, because the first examples are often similar.
    for index in range(0, len(kept.labels), max(1, len(kept.labels) // 48)):
        if kept.labels[index] not in seen and len(chosen) < 12:
            seen.add(kept.labels[index])
            chosen.append(index)
    items = [
        tag(
            "li",
            example_shown(kept, i, f"Example of class {shortened(name)}"),
            tag("span", shortened(name), class_="name", title=shortened(name)),
        )
        for i, name in zip(chosen, kept.names(chosen), strict=True)
    ]
    words = tag("p", "Some of the examples that the model is evaluated on:")
    return words + tag("ul", items, class_=list_class(kept))


def _findings(check):
    if not check:
        return tag("p", "This run has kept no data check.")
    parts = [
        _listing("Left out", [f"{name}: {reason}" for name, reason in check.get("skipped") or ()]),
        _listing(
            "Exact duplicates across train and test",
            [f"{test} = {train} (train)" for train, test in check.get("duplicates") or ()],
        ),
        _listing("Notes", check.get("notes") or ()),
    ]
    return join(parts)


def _listing(title, items):
    if not items:
        return tag("p", f"{title}: none.")
    shown = [tag("li", tag("code", shortened(item, 300))) for item in items[:_LISTED]]
    if len(items) > _LISTED:
        shown.append(tag("li", f"and {len(items) - _LISTED:,} more, in metrics.json"))
    return tag("p", f"{title}: {len(items):,}.") + tag("ul", shown)


def _network(model):
    parts = [model.get("name")]
    if model.get("parameters"):
        parts.append(f"{model['parameters']:,} parameters")
    if model.get("layers"):
        parts.append(f"{model['layers']} layers")
    return ", ".join(part for part in parts if part) or None


def _settings(recipe):
    """Returns rows of the table; a dictionary holds a loss and its arguments."""
    rows = []
    for key, value in recipe.items():
        name = key.replace("_", " ")
        if isinstance(value, dict):
            rows.append((name, _setting(value.get("name"))))
            rows += [
                (f"{name}: {inner.replace('_', ' ')}", _setting(item))
                for inner, item in value.items()
                if inner != "name"
            ]
        else:
            rows.append((name, _setting(value)))
    return rows


def _setting(value):
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting, value))
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _guessed_command(metrics):
    words = ["tfmetric", "quickstart", "--dataset", str(metrics.get("dataset"))]
    return shlex.join([*words, "--seed", str(metrics.get("seed", 0))])
