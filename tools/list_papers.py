"""Write the papers of all proxies into the file that pages read, because pages are written without torch.

python tools/list_papers.py
"""

import json
from pathlib import Path

from zcbench.proxies import list_proxies, proxy_info

FILE = Path(__file__).parent.parent / "zcbench" / "leaderboards" / "papers.json"


def text() -> str:
    """Return the file's content: the reference of each proxy by name; baselines have none."""
    ours = [info for info in map(proxy_info, list_proxies()) if info.function.__module__.startswith("zcbench.")]
    papers = {info.name: info.reference for info in ours if info.reference != "baseline"}
    return json.dumps(papers, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
