"""check.py CHROMIUM FOLDER: opens the pages in FOLDER, which tests/page/run has written, and fails where one complains, asks
for anything, runs a script of others, is wider than a phone, sorts or filters wrongly, or takes too long."""

import os
import sys

from chromium import chromium

# Bytes of a page, and seconds until the largest one can be used, as often as the machine that tests it is busy.
LARGEST = 6 << 20
PATIENCE = 10

NUMBERS = "Array.from(document.querySelectorAll('#connections-table tbody tr'), (row) => row.cells[COLUMN].textContent)"


def column(number):
    """The texts of a column of the connections."""
    return NUMBERS.replace("COLUMN", str(number))


def head(browser, name):
    """Clicks on the head of a column of the connections."""
    browser.evaluate(f"""Array.from(document.querySelectorAll('#connections-table th button'))
        .find((button) => button.textContent === {name!r}).click()""")


def filtered(browser, text, table="connections"):
    """Filters a table, and returns what is said of it."""
    return browser.evaluate(f"""(() => {{
        const tools = document.getElementById('{table}-tools');
        const search = tools.querySelector('input[type=search]');
        search.value = {text!r};
        search.dispatchEvent(new Event('input'));
        return tools.querySelector('[role=status]').textContent;
    }})()""")


def number(text):
    """The number that a cell shows."""
    return float(text.replace(",", ""))


def same(what, found, expected):
    """Fails where they differ."""
    if found != expected:
        sys.exit(f"{what}: {found!r} instead of {expected!r}")


def quiet(browser, page, **settings):
    """Opens a page, which has nothing to say and fits the window."""
    browser.size(**settings)
    seconds = browser.open(page)
    same(f"{page}: complaints", browser.trouble(), [])
    width = browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    same(f"{page}: pixels beyond a window of {settings['width']}", width, 0)
    same(f"{page}: scripts of others", browser.evaluate("String(window.broken)"), "undefined")
    return seconds


def sorting(browser, page):
    """Numbers are sorted as numbers, the largest first, and back."""
    quiet(browser, page, width=1440)
    for name, at in (("Received", 7), ("Seconds", 1)):
        for backwards in (True, False):
            head(browser, name)
            found = [number(text) for text in browser.evaluate(column(at))]
            same(f"{page}: sorted by {name}", found, sorted(found, reverse=backwards))
            if len(set(found)) < 10:
                sys.exit(f"{page}: there is nothing to sort in {name}")
    head(browser, "Service")
    found = browser.evaluate(column(4))
    same(f"{page}: sorted by service", found, sorted(found))


def filtering(browser, page):
    """Rows that have all words stay; so do those with trouble."""
    quiet(browser, page, width=1440)
    expected = sum("HTTPS" in text for text in browser.evaluate(column(4)))
    all_rows = len(browser.evaluate(column(4)))
    same(f"{page}: https", filtered(browser, "https finished"), f"1 to {expected} of {expected} of {all_rows}")
    same(f"{page}: nothing", filtered(browser, "https http://nowhere"), f"none of {all_rows}")
    filtered(browser, "")
    browser.evaluate("document.querySelector('#connections-tools input[type=checkbox]').click()")
    trouble = [sum(number(text) for text in row) for row in zip(*(browser.evaluate(column(at)) for at in (10, 11, 12)))]
    if len(trouble) != 3 or min(trouble) <= 0:
        sys.exit(f"{page}: with trouble: {trouble}")
    if not filtered(browser, "image/png", "files").startswith("1 to "):
        sys.exit(f"{page}: no files of a type")


def tables_agree(browser, page):
    """The script shows what the table without it shows."""
    texts = """Array.from(document.querySelectorAll('table:is(#connections-table, #files-table) tbody tr'),
        (row) => [row.innerHTML.replace(/ title="[^"]*"/g, ''), ...Array.from(row.querySelectorAll('a'), (a) => a.href)]).flat()"""
    browser.size(1440, script=False)
    browser.open(page)
    # Scripts of the page do not run, those of the developer tools do.
    plain = browser.evaluate(f"({texts})")
    browser.size(1440)
    browser.open(page)
    scripted = browser.evaluate(texts)
    plain = [row.replace(' class=""', "") for row in plain]
    for a, b in zip(plain, scripted):
        same(f"{page}: a row with a script", b, a)
    if not scripted:
        sys.exit(f"{page}: no rows")


def pictures(browser, page):
    """Images are shown when that is asked for, and only those that are images."""
    quiet(browser, page, width=1440)
    same(f"{page}: images before", browser.evaluate("document.images.length"), 0)
    browser.evaluate("document.querySelector('#files-tools input[type=checkbox]').click()")
    shown = browser.evaluate("""Promise.all(Array.from(document.images, (image) => image.decode()
        .then(() => image.naturalWidth, () => -1)))""")
    same(f"{page}: complaints of images", browser.trouble(), [])
    if not shown or min(shown) <= 0:
        sys.exit(f"{page}: images: {shown}")


def main():
    """Checks all pages."""
    program, folder = sys.argv[1:]
    pages = {name.removesuffix(".html"): os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".html")}
    with chromium(program) as browser:
        for name, page in sorted(pages.items()):
            if os.path.getsize(page) > LARGEST:
                sys.exit(f"{page}: {os.path.getsize(page)} bytes")
            for settings in ({"width": 360}, {"width": 1440, "scheme": "dark"}, {"width": 1440, "script": False}):
                seconds = quiet(browser, page, **settings)
                if seconds > PATIENCE:
                    sys.exit(f"{page}: {seconds:.1f} s")
            print(f"{name}: {os.path.getsize(page)} bytes, opened in {seconds:.2f} s", flush=True)
        sorting(browser, pages["web"])
        filtering(browser, pages["web"])
        for name in ("web", "hostile", "ipv6"):
            tables_agree(browser, pages[name])
        pictures(browser, pages["web"])
        pictures(browser, pages["hostile"])
        quiet(browser, pages["many"], width=1440)
        same("many: rows", filtered(browser, ""), "1 to 100 of 100,000")
        head(browser, "Server")


main()
