"""The small language of answers and prompts: Jinja2 with facts, ``if`` and ``for``, and no more.

Only what is on a short list may be written, so that no template can run long, grow large or reach
for internals: no calls except ``range``, no assignments, no products, loops at most two deep over
at most MAX_RANGE items, and at most MAX_OUTPUT characters. Jinja2's sandbox stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_RANGE = 50
"""Items that ``range`` may give."""
MAX_OUTPUT = 4_000
"""Characters that a template may give: four minutes of speech."""
MAX_LOOPS = 2
"""How deep loops may stand in each other."""


class TemplateFault(Exception):
    """What is wrong in a template, in French, for people."""


class Facts:
    """Named values for templates: ``{{ town.name }}``, ``{{ dept['eau'].phone }}``."""

    __slots__ = ("_about", "_values")

    def __init__(self, about: str, values: Mapping[str, Any]) -> None:
        self._about = about
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return self._about


class _Unknown(StrictUndefined):
    """Says in French which fact is not there, and which are."""

    @property
    def _undefined_message(self) -> str:
        if isinstance(self._undefined_obj, Facts):
            known = ", ".join(sorted(self._undefined_obj)) or "aucun"
            return (
                f"le fait « {self._undefined_name} » n'existe pas dans "
                f"« {self._undefined_obj!r} » ; ceux qui existent : {known}"
            )
        return (
            f"« {self._undefined_name} » n'existe pas : les faits connus sont dans docs/fr/faq.md"
        )


def _speakable(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | Undefined):
        return value
    what = (
        f"« {value!r} » n'est pas un texte" if isinstance(value, Facts) else "ce n'est pas un texte"
    )
    raise TemplateFault(f"{what} : nommez un de ses faits, comme {{{{ town.name }}}}")


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise TemplateFault(f"une boucle fait plus de {MAX_RANGE} tours : raccourcissez-la")
    return numbers


def _join(items: Iterable[Any], separator: str = "") -> str:
    parts = [str(item) for item in items]
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_OUTPUT:
        raise TemplateFault(f"le texte dépasse {MAX_OUTPUT} caractères : raccourcissez-le")
    return str(separator).join(parts)


_FILTERS = ("capitalize", "default", "first", "int", "last", "length", "lower", "trim", "upper")
_TESTS = ("defined", "undefined", "none", "eq", "ne", "lt", "le", "gt", "ge", "in", "true", "false")
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Const,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.CondExpr,
    nodes.For,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.List,
    nodes.Tuple,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Keyword,
)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=_Unknown, autoescape=False, finalize=_speakable
    )
    environment.globals = {"range": _range}
    filters: dict[str, Callable[..., Any]] = {n: environment.filters[n] for n in _FILTERS}
    environment.filters = {**filters, "join": _join}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


_ENVIRONMENT = _environment()


def parameters(text: str) -> frozenset[str]:
    """The names a template wants from outside (facts and parameters). Raises TemplateFault."""
    if not _is_template(text):
        return frozenset()
    return frozenset(meta.find_undeclared_variables(_tree(text)) - {"range"})


def render(text: str, values: Mapping[str, Any]) -> str:
    """The text with its facts filled in and its white space made single spaces.

    Raises TemplateFault when the template is wrong, names what is not there, or grows too long.
    """
    try:
        size, parts = 0, []
        for part in _generated(text, values):
            size += len(part)
            if size > MAX_OUTPUT:
                raise TemplateFault(f"le texte dépasse {MAX_OUTPUT} caractères : raccourcissez-le")
            parts.append(part)
    except SecurityError as error:
        raise TemplateFault(f"accès interdit aux rouages du programme ({error})") from error
    except UndefinedError as error:
        raise TemplateFault(str(error)) from error
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise TemplateFault(f"le modèle ne peut pas être rempli ({error})") from error
    return " ".join("".join(parts).split())


def _generated(text: str, values: Mapping[str, Any]) -> Iterator[str]:
    """The parts of the text, filled in.

    A text without blocks is cut around its expressions: thousands of answers name the same few
    facts, and compiling is what takes the time.
    """
    pieces = _EXPRESSION.split(text)
    if any(map(_is_template, pieces[::2])):
        pieces = ["", text]
    for number, piece in enumerate(pieces):
        if number % 2:
            yield from _compiled(piece).generate(values)
        else:
            yield piece


_EXPRESSION = re.compile(r"(\{\{[^{}-][^{}]*[^{}-]\}\})")


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Template:
    code = _ENVIRONMENT.compile(_tree(text))
    return Template.from_code(_ENVIRONMENT, code, dict(_ENVIRONMENT.globals))


def _tree(text: str) -> nodes.Template:
    """The syntax tree, all of whose nodes are allowed. Raises TemplateFault."""
    try:
        tree = _ENVIRONMENT.parse(text)
        _inspect(tree, 0)
    except TemplateSyntaxError as error:
        raise TemplateFault(
            f"le modèle est mal écrit, ligne {error.lineno} du texte ({error.message}) : "
            "vérifiez les {{ … }} et les {% … %}"
        ) from error
    except RecursionError as error:
        raise TemplateFault("le modèle s'imbrique trop : simplifiez-le") from error
    return tree


def _inspect(node: nodes.Node, loops: int) -> None:
    if isinstance(node, nodes.Call):
        if not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
            raise TemplateFault("appeler une fonction n'est pas permis dans une réponse")
    elif not isinstance(node, _ALLOWED):
        raise TemplateFault(
            f"« {type(node).__name__} » n'est pas permis ; seuls le sont les faits, "
            "{% if %} et {% for %}"
        )
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise TemplateFault(f"accès interdit aux rouages du programme (« {node.attr} »)")
    if isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
        known = ", ".join(sorted(_ENVIRONMENT.filters))
        raise TemplateFault(f"le filtre « {node.name} » n'existe pas ici ; permis : {known}")
    if isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
        raise TemplateFault(f"le test « {node.name} » n'existe pas ici")
    if isinstance(node, nodes.For):
        loops += 1
        if loops > MAX_LOOPS or node.recursive:
            raise TemplateFault(f"plus de {MAX_LOOPS} boucles l'une dans l'autre : simplifiez")
    for child in node.iter_child_nodes():
        _inspect(child, loops)
