"""Writes the YAML of a deployment."""

import json


def yaml(value, indent: int = 0) -> str:
    """Converts non-empty dictionaries and lists of texts, whole numbers and booleans to YAML."""
    pad, lines = "  " * indent, []
    if isinstance(value, dict):
        entries = [(f"{key}:", item) for key, item in value.items()]
    else:
        entries = [("-", item) for item in value]
    for head, item in entries:
        if isinstance(item, (dict, list)):
            nested = yaml(item, indent + 1)
            # The first line of a list's item follows its dash.
            lines.append(f"{pad}- {nested.lstrip()}" if head == "-" else f"{pad}{head}\n{nested}")
        elif isinstance(item, str) and "\n" in item:
            text = "".join(f"{pad}  {line}\n" for line in item.splitlines())
            lines.append(f"{pad}{head} |\n{text}")
        else:  # JSON's form of these values is valid, quoted YAML.
            lines.append(f"{pad}{head} {json.dumps(item)}\n")
    return "".join(lines)
