"""Frames the HTML pages that commands write or serve. Needs no JAX."""

import html


def html_page(title: str, body: str, head: str = "") -> str:
    """Returns a whole HTML document.

    Args:
      title: plain text.
      body: HTML, the content of <body>.
      head: HTML that is added to <head>, such as <style>.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title>{head}</head><body>{body}</body></html>\n"
    )
