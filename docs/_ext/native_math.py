"""Formulas as MathML, which browsers draw by themselves: the pages need no script and no network."""

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)


def mathml(node: nodes.Element, as_block: bool) -> str:
    """Return the MathML of a formula; one that docutils cannot read is a warning."""
    tex = node.astext()
    try:
        return latex2mathml.tex2mathml(tex, as_block=as_block)
    except MathError as error:
        logger.warning("formula %r: %s", tex, error, location=node)
        return f"<code>{tex}</code>"


def visit_inline(translator, node) -> None:
    """Write a formula in the text."""
    translator.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def visit_block(translator, node) -> None:
    """Write a displayed formula."""
    translator.body.append(f'<div class="formula">{mathml(node, as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app) -> dict:
    """Register the renderer under the name that ``html_math_renderer`` gives."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
