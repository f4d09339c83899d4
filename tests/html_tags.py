"""What a page is made of."""

from __future__ import annotations

from html.parser import HTMLParser

Tags = list[tuple[str, dict[str, str | None]]]


def tags_of(html: str) -> Tags:
    """Every start tag with its attributes, in order."""
    found: Tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.append((tag, dict(attrs)))  # type: ignore[method-assign]
    parser.feed(html)
    return found
