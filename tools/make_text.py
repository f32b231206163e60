"""Write the text of chars-rnn and chars-bert: the language reference in Python's own help().

    python3.11 tools/make_text.py    # CPython 3.11.7; other versions have other texts

Python contains its reference as ``pydoc_data.topics``. The text changes with every release, so the one that the
networks were trained on is stored, compressed, next to the tables (Python Software Foundation License, version 2).
"""

import hashlib
import lzma
import platform
import sys
from pathlib import Path
from pydoc_data.topics import topics

TARGET = Path(__file__).parents[1] / "zcbench" / "datasets" / "data" / "pydoc_topics.txt.xz"
SHA256 = "2a95af4ac93f5b719944030ce3769070ddf827d847cba42192afa8da989e5dc4"


def main() -> None:
    text = "\n".join(topics[name].strip() + "\n" for name in sorted(topics)).encode()
    digest = hashlib.sha256(text).hexdigest()
    if digest != SHA256:
        sys.exit(
            f"Python {platform.python_version()} has another text (SHA-256 {digest}): run this with CPython 3.11.7."
        )
    TARGET.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    print(f"{TARGET}: {len(text):,} bytes in {TARGET.stat().st_size:,}")


if __name__ == "__main__":
    main()
