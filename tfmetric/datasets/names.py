"""Names of territories, languages and currencies in many languages, without a download.

A class is a territory, a language or a currency. Its examples are its names in Latin script, from
the Unicode Common Locale Data Repository in Babel."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import numpy as np

from tfmetric._optional import require
from tfmetric.datasets.cache import cached
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.reading import examples_of_values

_FORMAT = 1  # Raise it whenever the choice of names changes: older cache files are then ignored.


def names_examples(options: ReadOptions) -> Examples:
    """Returns the names, from the cache or freshly collected (about 15 seconds).

    The groups are "territory", "language" and "currency". A name of two classes is left out,
    because it would be a false neighbor of both.
    """
    babel = require("babel", "names")
    texts, labels, classes, kinds, dropped = cached(
        f"names-{_FORMAT}-{babel.__version__}.npz",
        ("texts", "labels", "classes", "kinds", "dropped"),
        collect,
    )
    note = f"{int(dropped):,} names that belong to two classes were left out"
    return examples_of_values(
        texts.tolist(),
        labels,
        name="names",
        options=options,
        groups=kinds[labels],
        class_names=classes.tolist(),
        notes=(note,),
    )


def collect() -> tuple[np.ndarray, ...]:
    """Collects the names of all locales.

    Returns:
        The texts, the class of each, the names of the classes, the kind of each class, and the
        number of names that were left out for belonging to two classes.
    """
    from babel import Locale, localedata

    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for identifier in localedata.locale_identifiers():
        locale = Locale.parse(identifier)
        tables = {
            "territory": locale.territories,
            "language": locale.languages,
            "currency": locale.currencies,
        }
        for kind, table in tables.items():
            for code, name in table.items():
                found[kind, code].add(unicodedata.normalize("NFC", name))
    english = Locale.parse("en")
    shown = {
        "territory": english.territories,
        "language": english.languages,
        "currency": english.currencies,
    }
    classes = {}
    for kind, code in sorted(found):
        # Names that differ only in case count as one; the first in order is kept.
        names = {name.casefold(): name for name in sorted(found[kind, code], reverse=True)}
        latin = {key: name for key, name in names.items() if _is_latin(name) and name != code}
        if len(latin) > 1:
            classes[f"{shown[kind].get(code, code)} ({kind} {code})", kind] = latin
    owners: dict[str, int] = defaultdict(int)
    for names in classes.values():
        for key in names:
            owners[key] += 1
    shared = {key for key, count in owners.items() if count > 1}
    texts: list[str] = []
    labels: list[int] = []
    titles: list[str] = []
    kinds: list[str] = []
    for (title, kind), names in classes.items():
        own = [name for key, name in sorted(names.items()) if key not in shared]
        if len(own) > 1:
            texts += own
            labels += [len(titles)] * len(own)
            titles.append(title)
            kinds.append(kind)
    columns = (texts, labels, titles, kinds, len(shared))
    return tuple(np.array(column) for column in columns)


def _is_latin(name):
    letters = [letter for letter in name if letter.isalpha()]
    return bool(letters) and all(
        unicodedata.name(letter, "").startswith("LATIN") or unicodedata.category(letter) == "Lm"
        for letter in letters
    )
