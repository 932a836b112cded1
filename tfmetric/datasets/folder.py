"""Reads a folder with a folder for each class, optionally inside parts such as train/, test/."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.modalities import MODALITIES
from tfmetric.datasets.options import ReadOptions, modality
from tfmetric.datasets.part_names import part_of, with_a_test
from tfmetric.datasets.reading import examples_of_files, kind_of_files, known_formats


def folder_examples(path: str | os.PathLike, options: ReadOptions) -> Examples:
    """Lists and checks `path/<class>/**/<file>` or `path/<part>/<class>/**/<file>`.

    For a kind whose examples are folders of files, each folder below a class folder is one
    example: `path/<class>/**/<example>/<file>`.

    Hidden files and folders are ignored. Files with suffixes of another kind are ignored and
    counted in the report. Names that UTF-8 cannot hold are left out with the reason.
    """
    path = os.fspath(path)
    roots, notes = _class_folders(path)
    files = [row for part, folder in roots for row in _files(path, part, folder)]
    kind = options.kind or _kind([row.name for row in files], path)
    chosen = modality(kind)
    if chosen.of_folders:
        found = [row for part, folder in roots for row in _examples(path, part, folder)]
        inside = {row.name for row in found}
        others = [row.name for row in files if os.path.dirname(row.name) not in inside]
    else:
        fits = [row.name.lower().endswith(chosen.suffixes) for row in files]
        found = [row for row, fit in zip(files, fits, strict=True) if fit]
        others = [row.name for row, fit in zip(files, fits, strict=True) if not fit]
        notes += _nested(found, kind)
    skipped = [(_printable(row.name), reason) for row in found if (reason := _unfit(row.name))]
    used = [row for row in found if not _unfit(row.name)]
    if not found:
        raise ValueError(_expected_files(path, others, kind if chosen.of_folders else ""))
    empty = sorted({_printable(folder) for _, folder in roots}.difference(r.folder for r in found))
    if empty:
        shown = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
        notes.append(f"{len(empty):,} class folders hold no {kind} {chosen.unit}: {shown}")
    ignored = len(others) + sum(e.is_file() and e.name[0] != "." for e in os.scandir(path))
    if ignored:
        subject = "1 file was" if ignored == 1 else f"{ignored:,} files were"
        where = (
            f"not in the folder of a {kind}"
            if chosen.of_folders
            else f"not in a class folder, or no {kind} suffix"
        )
        notes.append(f"{subject} ignored: {where}")
    own = None
    if roots[0][0]:
        own, more = with_a_test(np.array([row.part for row in used], np.str_))
        notes += more
    return examples_of_files(
        chosen.store(path, [row.name for row in used]),
        np.array([os.path.basename(row.folder) for row in used], np.str_),
        kind=kind,
        name=f"folder {os.path.basename(os.path.normpath(path))}",
        options=options,
        parts=own,
        skipped=skipped,
        notes=notes,
    )


def _class_folders(path):
    """(part, folder) of each class, with the part "" for a folder without parts; and notes."""
    top = _folders(path)
    parts = {name: part_of(name) for name in top if part_of(name)}
    nested = {name: part for name, part in parts.items() if _folders(os.path.join(path, name))}
    if "train" not in nested.values() or len(set(nested.values())) < 2:
        return [("", name) for name in top], []
    roots = [
        (part, os.path.join(name, folder))
        for name, part in nested.items()
        for folder in _folders(os.path.join(path, name))
    ]
    others = sorted(set(top) - set(nested))
    read = ", ".join(f"{name}/" for name in sorted(nested))
    return roots, [f"only {read} were read, not {', '.join(others)}"] if others else []


def _folders(path):
    return sorted(e.name for e in os.scandir(path) if e.is_dir() and e.name[0] != ".")


class _Row(NamedTuple):
    """A file or a folder that may be an example."""

    name: str  # The path relative to the root.
    folder: str  # The class folder, relative to the root.
    part: str


def _files(root, part, folder):
    """The files below a class folder."""
    for below, _, names in _walk(root, folder):
        for name in names:
            yield _Row(os.path.join(below, name), folder, part)


def _examples(root, part, folder):
    """The folders below a class folder that hold files, or that hold nothing."""
    for below, folders, names in _walk(root, folder):
        if below != folder and (names or not folders):
            yield _Row(below, folder, part)


def _walk(root, folder):
    """(path relative to the root, folders, files) of a folder and of each one below, sorted."""
    for where, folders, names in os.walk(os.path.join(root, folder)):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        yield os.path.relpath(where, root), folders, sorted(n for n in names if n[0] != ".")


def _nested(found, kind):
    """A note where the files lie in folders of their own, which may be one example each."""
    kinds = [name for name, one in MODALITIES.items() if one.of_folders]
    if kind != "image" or not found:
        return []
    if any(os.path.dirname(row.name) == row.folder for row in found):
        return []
    return [
        "the files lie in folders below the class folders: each file was read as one image;"
        f" kind={' or '.join(map(repr, kinds))} reads each such folder as one example"
    ]


def _unfit(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8; rename the file or its folder"
    return ""


def _kind(files, path):
    known = [name for name in files if os.path.splitext(name)[1].lower()]
    if not known:
        raise ValueError(_expected_files(path, files))
    try:
        return kind_of_files(known)
    except ValueError as error:
        if "of a known kind" in str(error):
            raise ValueError(_expected_files(path, files)) from error
        raise


def _expected_files(path, others, kind=""):
    words = (
        f"a folder for each class that holds a folder of files for each {kind}"
        if kind
        else "a folder with a folder of files for each class (a folder of images for each class,"
        " say)"
    )
    return expected(
        f"{words}; the known files are {known_formats()}",
        path=path,
        others=[_printable(name) for name in others[:3]],
    )


def _printable(name):
    return os.fsencode(name).decode("utf-8", "backslashreplace")
