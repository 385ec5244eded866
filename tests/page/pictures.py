"""pictures.py CHROMIUM FOLDER PAGE...: pictures of pages at the width of a phone and of a screen, dark, without a script, and
as printed."""

import os
import sys

from chromium import chromium

# Pixels of a picture at most.
HEIGHT = 8000


def main():
    """Makes five pictures of each page."""
    program, folder, *pages = sys.argv[1:]
    with chromium(program) as browser:
        for page in pages:
            name = os.path.join(folder, os.path.splitext(os.path.basename(page))[0])
            for kind, settings in {
                "360": {"width": 360}, "1440": {"width": 1440}, "dark": {"width": 1440, "scheme": "dark"},
                "plain": {"width": 1440, "script": False},
            }.items():
                browser.size(**settings)
                browser.open(page)
                browser.screenshot(f"{name}-{kind}.png", HEIGHT)
            browser.size(1440)
            browser.open(page)
            browser.print(f"{name}.pdf")
            print(f"{name}-*.png {name}.pdf", flush=True)


main()
