"""Whole numbers in names and options: one rule for all."""

# TensorFlow Serving keeps the number of a version in 64 bits with a sign, and ignores larger ones.
LARGEST = 2**63 - 1
_DIGITS = len(str(LARGEST))


def whole_number(text: str) -> int | None:
    """The number that a text of ASCII digits is, if 64 bits with a sign hold it; else None.

    >>> whole_number("12"), whole_number("²"), whole_number("٣"), whole_number("9" * 20)
    (12, None, None, None)
    """
    if not (text.isascii() and text.isdecimal()) or len(text.lstrip("0")) > _DIGITS:
        return None
    number = int(text)
    return number if number <= LARGEST else None
