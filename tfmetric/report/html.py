"""Builds safe HTML: all text is escaped unless this module made it."""

from html import escape

# These have no end tag.
_EMPTY = {"img", "meta", "br", "input"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()

    def __add__(self, other):
        """Adds HTML to HTML; adding text gives plain text, which is escaped later."""
        found = super().__add__(other)
        return Html(found) if isinstance(other, Html) else found


def tag(name: str, /, *children, **attributes) -> Html:
    """Makes an element. Text among the children, and every attribute, is escaped.

    Args:
        name: Its name, such as ``"p"``.
        *children: Texts, numbers, :class:`Html`, or lists of these; None is left out.
        **attributes: Its attributes; ``class_`` is class, ``aria_label`` is aria-label. True has no
            value; None and False are left out.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{escape(str(value))}"')
    start = f"<{' '.join(parts)}>"
    return Html(start if name in _EMPTY else f"{start}{join(children)}</{name}>")


def shortened(text, length: int = 80) -> str:
    """Cuts out the middle of a long text, because names often differ at their ends.

    >>> shortened("a-class-name-of-many-letters", 12)
    'a-clas…tters'
    """
    text = str(text)
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[len(text) - end :]}"


def join(children) -> Html:
    """Joins children, escaped."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, (list, tuple)):
        return Html("".join(join(child) for child in children))
    return Html(escape(str(children)))


def table(caption: str, head, rows, numeric=()) -> Html:
    """Makes a table that scrolls separately on a narrow page.

    Args:
        caption: What it shows.
        head: Texts of the first row.
        rows: Rows of cells; the first cell names the row.
        numeric: Indexes of the columns that hold numbers.
    """

    def kind(column):
        return "number" if column in numeric else None

    top = [tag("th", text, scope="col", class_=kind(i)) for i, text in enumerate(head)]
    body = []
    for first, *others in rows:
        cells = [tag("td", text, class_=kind(i)) for i, text in enumerate(others, start=1)]
        body.append(tag("tr", tag("th", first, scope="row"), cells))
    return tag(
        "div",
        # The script shows the hint if the table is wider than its box.
        tag("p", "Scroll sideways for the other columns →", class_="sideways"),
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", top)),
            tag("tbody", body),
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )
