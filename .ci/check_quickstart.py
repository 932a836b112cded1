"""Checks what the quickstart has left behind: the files, and figures above the promised ones."""

import json
import sys
from pathlib import Path

run = Path(sys.argv[1], "runs/glyphs/1")
metrics = json.loads((run / "metrics.json").read_text())
result = metrics["result"]
print({name: result[name] for name in ("recall_at_1", "map_at_r")}, metrics["seconds"])
for picture in ("neighbours.png", "training.png"):
    assert (run / picture).read_bytes().startswith(b"\x89PNG"), picture
assert (run / "model.keras").is_file()
assert Path(sys.argv[1], "saved_models/glyphs/1/saved_model.pb").is_file()
assert result["recall_at_1"] > 0.90, result["recall_at_1"]
assert result["map_at_r"] > 0.62, result["map_at_r"]
assert result["recall_at_1"] > result["raw"]["recall_at_1"]
