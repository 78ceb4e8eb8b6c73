"""Makes the pilot's calibration texts: training sentences with their answers, as chat messages.

    python pilot_texts.py FOLDER-WITH-train.jsonl > pilot-calibration.jsonl
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models/pilot"))
from data import answer_json, read_records  # noqa: E402


def main():
    for record in read_records(pathlib.Path(sys.argv[1]), "train"):
        turns = (("user", record["text"]), ("assistant", answer_json(record)))
        print(json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}))


if __name__ == "__main__":
    main()
