"""Functions as a notebook's cell defines them: their source stays known."""

import linecache

from exercises.cards import SCOPE


def define(source, name):
    """The function of that name in a source."""
    scope, cell = dict(SCOPE), f"<cell {abs(hash(source))}>"
    linecache.cache[cell] = len(source), None, source.splitlines(keepends=True), cell
    exec(compile(source, cell, "exec"), scope)
    return scope[name]
