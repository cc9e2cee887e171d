"""Links, images and places in Markdown, as notebooks, README and the other pages contain them."""

import re

# written so that this file does not contain what it forbids
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:work|root|tmp|home|Users|private|var)/|\b[A-Z]:\\{1,2}[A-Za-z]\w+")
INTERNAL = re.compile(r"(?<![\w/-])(?:\.\./)*share[d]/|\bpy[p]i\.org|pythonhoste[d]\.org|registry\.npmj[s]")
MARKDOWN_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\]|!\[[^\]]*\]\([^)]*\))*)\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.I)
HTML_TARGET = re.compile(r"""<(?:img|a|source)\b[^>]*?\b(?:src|href)\s*=\s*["']([^"']+)""", re.I)


def prose(source):
    """Markdown without its code blocks, so that code is not taken for links or words."""
    return re.sub(r"`[^`\n]*`", " ", re.sub(r"^ *```.*?^ *```", " ", source, flags=re.M | re.S))


def images_without_alt(text):
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text):
        if not alt.strip():
            yield f"image {target} has no alt text"
    for tag in HTML_IMAGE.findall(text):
        if not re.search(r"""\balt\s*=\s*["'][^"']*\w""", tag, re.I):
            yield f"image {tag} has no alt text"


def link_targets(text):
    """Targets of Markdown links and images, also of a badge inside a link, and of HTML ones."""
    for inner, target in MARKDOWN_LINK.findall(text):
        yield target
        yield from link_targets(inner)
    yield from HTML_TARGET.findall(text)


def dead_links(text, folder):
    for target in link_targets(text):
        path = target.split("#")[0].split("?")[0]
        if path and not re.match(r"[a-z][a-z0-9+.-]*:", target, re.I) and not (folder / path).exists():
            yield f"link to {target}: no such file from {folder.name}/"


def foreign_places(text):
    """What means nothing on another machine: paths of somebody's disk, addresses of registries."""
    for pattern in (MACHINE_PATH, INTERNAL):
        for match in pattern.finditer(text):
            yield text[match.start() : match.end() + 20]
