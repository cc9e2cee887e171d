"""Pages made from marks: one for each learner, and one that shows the teacher what the class found hard.

A page is one HTML file that needs nothing else, reads well on a phone and on paper, and holds a learner's code as text.
"""

import html
import re
from collections import Counter

from exercises import find
from grading import STATES

MOST_CODE = 4000  # characters of an answer that are shown

STYLE = """\
:root { color-scheme: light dark; --text: #1a1a1a; --page: #fff; --soft: #f3f4f5; --line: #c9ccd0; --muted: #4d5358;
  --right: #0b6b3a; --wrong: #a32a12; --open: #6b5200; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --page: #16181a; --soft: #22262a; --line: #454b52;
  --muted: #b4bac0; --right: #6fd49b; --wrong: #ff9c86; --open: #e6c65c; } }
body { font: 1.0625rem/1.55 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 46rem;
  margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
article h2 { margin: 0; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.1rem; margin: 1rem 0;
  break-inside: avoid; }
p { margin: .5rem 0 0; overflow-wrap: anywhere; } .sum { font-size: 1.25rem; }
.state { font-weight: 600; }
.right { color: var(--right); } .wrong { color: var(--wrong); } .open { color: var(--open); }
.muted { color: var(--muted); } summary { cursor: pointer; margin-top: .6rem; }
pre { background: var(--soft); border-radius: .4rem; padding: .7rem .8rem; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .9rem/1.45 ui-monospace, Menlo, Consolas, monospace; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; } caption { text-align: left; font-weight: 600; }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); padding: .45rem .6rem .45rem 0; }
@media print { body { max-width: none; } details > * { display: block; } }
"""


def page(title, body):
    """A whole page. title: text; body: HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def feedback_page(graded):
    """The page of one submission."""
    title = f"Feedback: {graded.file.removesuffix('.ipynb')}"  # the folder may hold the only name
    body = [f"<h1>{html.escape(title)}</h1>"]
    if graded.problem:
        body.append(f'<p class="sum">There are no marks yet: {html.escape(graded.problem)}</p>')
        return page(title, "\n".join(body))
    read = f"; {len(graded.to_read)} to be read by your teacher" if graded.to_read else ""
    of = f"{graded.right} of {len(graded.marks)}"
    body.append(f'<p class="sum"><b>{of}</b> exercises of lesson {graded.lesson} right{read}</p>')
    body.append(f'<p class="muted">From the file {html.escape(graded.file)}.</p>')
    body += map(_article, graded.marks)
    return page(title, "\n".join(body))


def _article(mark):
    entry = find(mark.number)
    sign, said = mark.line[0], mark.line.removeprefix(f"{mark.line[0]} {mark.number} ")
    kind = {"✓": "right", "○": "open", "✗": "wrong"}[sign]
    parts = [f"<h2>{mark.number} · {html.escape(entry.title)}</h2>"]
    parts.append(f'<p><span class="state {kind}">{sign} {mark.state}</span></p>')
    parts.append(f"<p>{html.escape(said)}</p>")
    if mark.state in ("wrong", "not answered", "not finished"):
        parts.append(f'<p class="muted">A hint: {html.escape(entry.hints[0])}</p>')
    if mark.source:
        code = mark.source if len(mark.source) <= MOST_CODE else mark.source[:MOST_CODE] + "\n… (cut)"
        parts.append(f"<details><summary>The code that was run</summary><pre>{html.escape(code)}</pre></details>")
    return "<article>\n" + "\n".join(parts) + "\n</article>"


def class_page(all_graded):
    """The page for the teacher: each exercise, how the class did, what was said most often, and what is to be read."""
    marks = {}
    for graded in all_graded:
        for mark in graded.marks:
            marks.setdefault(mark.number, []).append(mark)
    body = ["<h1>The class</h1>", f'<p class="sum">{len(all_graded)} files, {len(marks)} exercises</p>']
    body.append(
        '<table>\n<caption>What was hard</caption>\n<tr><th scope="col">exercise</th><th scope="col">right</th>'
    )
    body.append('<th scope="col">others</th><th scope="col">said most often</th></tr>')
    for number, found in sorted(marks.items()):
        states = Counter(mark.state for mark in found)
        others = ", ".join(f"{count} {state}" for state, count in states.most_common() if state != "right")
        title = html.escape(find(number).title)
        body.append(f'<tr><th scope="row">{number} {title}</th><td>{states["right"]} of {len(found)}</td>')
        body.append(f"<td>{others}</td><td>{html.escape(most_said(found))}</td></tr>")
    body.append("</table>")
    by_hand = [graded for graded in all_graded if graded.problem or graded.to_read]
    if by_hand:
        body.append("<h2>To be read by hand</h2>\n<ul>")
        for graded in by_hand:
            reasons = [graded.problem] if graded.problem else [mark.line for mark in graded.to_read]
            body.append(f"<li><b>{html.escape(graded.file)}</b>: {html.escape(' '.join(reasons))}</li>")
        body.append("</ul>")
    meaning = [f"<dt><b>{state}</b></dt><dd>{html.escape(words)}</dd>" for state, words in STATES.items()]
    body.append("<h2>What the words mean</h2>\n<dl>" + "\n".join(meaning) + "</dl>")
    return page("The class", "\n".join(body))


def most_said(marks):
    """The explanation that most wrong answers got, with its count; empty if none got one."""
    lines = [mark.line for mark in marks if mark.state == "wrong" and ": " in mark.line]
    said = Counter(re.split(r", not .*?: ", line, maxsplit=1)[-1] for line in lines)
    if not said:
        return ""
    words, count = said.most_common(1)[0]
    return f"{count} × {words}"
