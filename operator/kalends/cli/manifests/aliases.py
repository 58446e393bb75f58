"""How much a YAML document becomes once each alias is replaced by what it stands for.

Ten aliases of ten aliases, nine levels deep, are 300 bytes and a billion values. kubectl refuses such documents, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

MOST_EXPANDED = 100_000
"""How many values the aliases of a document may stand for."""


class ContainsItself(ValueError):
    """A value that is part of itself: JSON has none."""


def expansion(root: yaml.Node) -> int:
    """Return how many values the aliases of a document stand for, each counted as often as it would be copied.

    Raises:
        ContainsItself: A value is part of itself.
    """
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        key = id(node)
        if key in sizes:
            waiting.pop()
        elif key in open_nodes:
            sizes[key] = 1 + sum(sizes[id(child)] for child in _children(node))
            open_nodes.discard(key)
            waiting.pop()
        else:
            open_nodes.add(key)
            for child in _children(node):
                if id(child) in open_nodes:
                    raise ContainsItself
                waiting.append(child)
    return sizes[id(root)] - len(sizes)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
