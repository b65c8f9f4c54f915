"""What a piece of JavaScript imports, exports, calls and names, by esprima's syntax tree.

Only fixed values count: a name that a script computes is not followed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import esprima

FUNCTIONS = ("FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression")
# esprima's words, and what to say instead.
PLAIN = {
    "Unexpected token ILLEGAL": "a character cannot be read, or a quote is not closed",
    "Unexpected end of input": "it ends before all brackets are closed",
}
CLOSING = {"(": ")", "[": "]", "{": "}", "${": "}"}


@dataclass(frozen=True)
class Value:
    """A fixed text in a script."""

    text: str
    line: int


@dataclass
class Import:
    """A module that a script imports, and the names that it must export."""

    module: str
    line: int
    names: list[Value] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """A call of a function or method, and the functions around it, the innermost last."""

    node: esprima.nodes.Node
    around: tuple[esprima.nodes.Node, ...]

    @property
    def name(self) -> str:
        """The name of what is called, of a method without its object; or empty."""
        callee = self.node.callee
        if callee.type == "MemberExpression" and not callee.computed:
            return callee.property.name
        return callee.name if callee.type == "Identifier" else ""

    @property
    def is_method(self) -> bool:
        return self.node.callee.type == "MemberExpression"


class Script:
    """A script or module. Where it does not parse, ``error`` says why and all else is empty."""

    def __init__(self, text: str, is_module: bool) -> None:
        self.is_module, self.error, self._root = is_module, None, None
        parse = esprima.parseModule if is_module else esprima.parseScript
        try:
            self._root = parse(text, loc=True)
        except esprima.Error as error:
            what = error.message.partition(": ")[2]
            what = PLAIN.get(what, what) + find_unclosed(text) * what.endswith("end of input")
            self.error = Value(what, error.lineNumber)
        except Exception:  # of the parser itself, such as RecursionError: no mistake of the study
            pass

    @cached_property
    def nodes(self) -> list[tuple[esprima.nodes.Node, tuple, tuple]]:
        """Each node with the functions around it and with its ancestors, the nearest last."""
        found, waiting = [], [(self._root, (), ())] if self._root else []
        while waiting:
            node, around, above = waiting.pop()
            found.append((node, around, above))
            inner = (*around, node) if node.type in FUNCTIONS else around
            waiting += [(child, inner, (*above, node)) for child in children_of(node)]
        return found

    def of_type(self, *types: str) -> Iterator[esprima.nodes.Node]:
        return (node for node, _, _ in self.nodes if node.type in types)

    @cached_property
    def texts(self) -> list[Value]:
        """Every fixed text."""
        nodes = self.of_type("Literal", "TemplateLiteral")
        return [value for node in nodes for value in self.values(node, ())]

    @cached_property
    def calls(self) -> list[Call]:
        return [Call(n, around) for n, around, _ in self.nodes if n.type == "CallExpression"]

    @cached_property
    def imports(self) -> list[Import]:
        """Every module that is imported by a fixed name."""
        found = []
        for node in self.of_type(
            "ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration"
        ):
            if getattr(node, "source", None):
                names = [name for each in getattr(node, "specifiers", ()) for name in wanted(each)]
                found.append(Import(node.source.value, line_of(node.source), names))
        for node in self.of_type("ImportExpression"):
            found += [Import(v.text, v.line) for v in self.values(node.source, ())]
        return found

    @cached_property
    def exports(self) -> tuple[set[str], list[str]]:
        """The exported names, and the modules of which everything is exported."""
        names, modules = set(), []
        names.update("default" for _ in self.of_type("ExportDefaultDeclaration"))
        for node in self.of_type("ExportAllDeclaration"):
            if node.exported:
                names.add(name_of(node.exported))
            else:
                modules.append(node.source.value)
        for node in self.of_type("ExportNamedDeclaration"):
            names |= {name_of(each.exported) for each in node.specifiers}
            if node.declaration:
                names |= set(declared(node.declaration))
        return names, modules

    @cached_property
    def _bindings(self) -> dict[tuple[int, str], list[esprima.nodes.Node | None]]:
        """What each name is given, by the function that it belongs to; None is unknown."""
        found: dict[tuple[int, str], list] = {}
        assignments = []
        for node, around, _ in self.nodes:
            if node.type == "VariableDeclarator":
                given = node.init if node.id.type == "Identifier" else None
                for name in patterns(node.id):
                    found.setdefault((scope_of(around), name), []).append(given)
            elif node.type in FUNCTIONS:
                for name in (name for each in node.params for name in patterns(each)):
                    found.setdefault((id(node), name), []).append(None)
                if node.type == "FunctionDeclaration" and node.id:
                    found.setdefault((scope_of(around), node.id.name), []).append(node)
            elif node.type == "AssignmentExpression":
                assignments.append((node, around))
        for node, around in assignments:
            for name in patterns(node.left):
                place = self._place(name, around, found) or (0, name)
                found.setdefault(place, []).append(node.right if node.operator == "=" else None)
        return found

    @staticmethod
    def _place(name: str, around: tuple, bindings: dict) -> tuple[int, str] | None:
        """Where a name that is used inside these functions is given a value."""
        places = [(id(function), name) for function in reversed(around)] + [(0, name)]
        return next((place for place in places if place in bindings), None)

    def resolve(self, name: str, around: tuple) -> esprima.nodes.Node | None:
        """What a name stands for, if it is given one value only."""
        given = self._bindings.get(self._place(name, around, self._bindings), ())
        return given[0] if len(given) == 1 else None

    def values(
        self, node: esprima.nodes.Node | None, around: tuple, seen: frozenset = frozenset()
    ) -> list[Value]:
        """The fixed texts that an expression may be, or of which it may be a list."""
        if node is None or id(node) in seen:
            return []
        seen |= {id(node)}
        parts: list = []
        match node.type:
            case "Literal" if isinstance(node.value, str):
                return [Value(node.value, line_of(node))]
            case "TemplateLiteral" if not node.expressions:
                return [Value(node.quasis[0].value.cooked or "", line_of(node))]
            case "ArrayExpression":
                parts = node.elements
            case "SpreadElement" | "AwaitExpression":
                parts = [node.argument]
            case "ConditionalExpression":
                parts = [node.consequent, node.alternate]
            case "LogicalExpression":
                parts = [node.left, node.right]
            case "Identifier":
                parts = [self.resolve(node.name, around)]
        return [value for part in parts for value in self.values(part, around, seen)]

    def arguments(self, methods: dict[str, int]) -> Iterator[Value]:
        """Yield the fixed texts that are given to methods, by their names, at a position.

        Also through the script's own functions, as in
        ``const page = (name) => psiTurk.completePage(name)``.
        """
        waiting: list[tuple] = list(methods.items())
        seen = set()
        while waiting:
            called, position = target = waiting.pop()
            if target in seen:
                continue
            seen.add(target)
            for call in self.calls:
                arguments = call.node.arguments
                if self._is_call(call, called) and len(arguments) > position:
                    yield from self.values(arguments[position], call.around)
                    waiting += self._parameter(arguments[position], call)

    def _is_call(self, call: Call, called: str | esprima.nodes.Node) -> bool:
        """Whether a call is of a method of this name, or of this function of the script."""
        if isinstance(called, str):
            return call.is_method and call.name == called
        return not call.is_method and self.resolve(call.name, call.around) is called

    def _parameter(self, node: esprima.nodes.Node, call: Call) -> list[tuple]:
        """The function whose parameter an argument of a call in it is, and its position."""
        for function in reversed(call.around):
            names = [name for each in function.params for name in patterns(each)]
            if node.type == "Identifier" and node.name in names:
                places = [i for i, each in enumerate(function.params) if is_named(each, node.name)]
                return [(function, place) for place in places]
        return []


def find_unclosed(text: str) -> str:
    """Say which bracket of a script is not closed; nothing if that is not clear."""
    waiting = []
    try:
        tokens = [each for each in esprima.tokenize(text, loc=True) if each.type == "Punctuator"]
        for token in tokens:
            if token.value in CLOSING:
                waiting.append(token)
            elif token.value in CLOSING.values() and CLOSING[waiting.pop().value] != token.value:
                return ""
    except Exception:  # brackets that close nothing, or no tokens at all
        return ""
    last = waiting[-1:]
    return "".join(f": the {each.value} of line {line_of(each)} is not closed" for each in last)


def children_of(node: esprima.nodes.Node) -> Iterator[esprima.nodes.Node]:
    for value in vars(node).values():
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, esprima.nodes.Node):
                yield child


def line_of(node: esprima.nodes.Node) -> int:
    return node.loc.start.line


def scope_of(around: tuple) -> int:
    return id(around[-1]) if around else 0


def name_of(node: esprima.nodes.Node) -> str:
    """A name that is exported or imported, which may be written as a string."""
    return node.value if node.type == "Literal" else node.name


def is_named(node: esprima.nodes.Node, name: str) -> bool:
    return node.type == "Identifier" and node.name == name


def wanted(specifier: esprima.nodes.Node) -> Iterator[Value]:
    """The name that an import or a re-export needs of the other module."""
    match specifier.type:
        case "ImportDefaultSpecifier":
            yield Value("default", line_of(specifier))
        case "ImportSpecifier":
            yield Value(name_of(specifier.imported), line_of(specifier))
        case "ExportSpecifier":
            yield Value(name_of(specifier.local), line_of(specifier))


def declared(node: esprima.nodes.Node) -> Iterator[str]:
    """The names that a declaration gives."""
    if node.type == "VariableDeclaration":
        for each in node.declarations:
            yield from patterns(each.id)
    else:
        yield node.id.name


def patterns(node: esprima.nodes.Node | None) -> Iterator[str]:
    """The names in the pattern of a declaration, an assignment or a parameter."""
    match node and node.type:
        case "Identifier":
            yield node.name
        case "ObjectPattern":
            for each in node.properties:
                yield from patterns(getattr(each, "value", None) or getattr(each, "argument", None))
        case "ArrayPattern":
            for each in node.elements:
                yield from patterns(each)
        case "AssignmentPattern":
            yield from patterns(node.left)
        case "RestElement":
            yield from patterns(node.argument)
