"""Writes deploy/grafana: `python -m verification.dashboards`; `--pictures SECONDS` draws what a real run shows."""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.dashboards.answers import drawn, unanswered
from verification.dashboards.deployment import deployed
from verification.dashboards.grafana import FOLDER, files
from verification.dashboards.load import sell
from verification.dashboards.panels import BOARDS
from verification.pages.architecture import ROOT

PICTURES = ROOT / "docs" / "pictures"
BEFORE_S = 5
"""Before the sale, so that the first rates are those of its beginning."""


async def pictures(seconds: float) -> list[str]:
    """Draw each dashboard from a sale of so many seconds; the expressions that were not answered."""
    with TemporaryDirectory() as folder:
        async with deployed(Path(folder)) as deployment:
            began_s = time.time()
            await asyncio.sleep(BEFORE_S)
            await sell(deployment, seconds)
            asked = deployment.prometheus
            missing = await asyncio.to_thread(unanswered, asked)
            for board in BOARDS:
                picture = await asyncio.to_thread(drawn, board, asked, start_s=began_s, end_s=time.time())
                (PICTURES / f"{board.name}.svg").write_text(picture)
            return missing


def main() -> None:
    """Run the command that was typed."""
    parser = argparse.ArgumentParser(prog="python -m verification.dashboards", description=__doc__)
    parser.add_argument("--pictures", type=float, metavar="SECONDS", help="sell for so long, and draw docs/pictures")
    options = parser.parse_args()
    for name, text in files().items():
        (FOLDER / name).write_text(text)
    if options.pictures and (missing := asyncio.run(pictures(options.pictures))):
        sys.exit("\n".join(["these expressions have no answer:", *missing]))


if __name__ == "__main__":
    main()
