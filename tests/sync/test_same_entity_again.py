"""An entity that comes again before it is written is what two writes would have made of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.port import define, port, settings
from penstock import JSON, UNSET, Entity
from penstock.sync.gathered import Gathered, completed
from penstock_sinks.sqlite import Sqlite
from support.catalogs import Catalog
from support.project import Project
from support.server import routes, serve

TEXTS = st.sampled_from([UNSET, None, "", "t"])
NAMES = st.sampled_from(["a", "b", "c"])
VALUES: st.SearchStrategy[JSON] = st.sampled_from([None, 0, 1, True, "", [], {"a": 1}])
ENTITIES = st.builds(
    Entity,
    st.just("user"),
    st.sampled_from(["ada", "bob"]),
    title=TEXTS,
    icon=TEXTS,
    team=st.just(UNSET) | VALUES,
    properties=st.dictionaries(NAMES, VALUES, max_size=3),
    relations=st.dictionaries(NAMES, VALUES, max_size=2),
)


@given(st.lists(st.lists(ENTITIES, max_size=4), max_size=3))
def test_one_write_of_all_leaves_what_a_write_of_each_does(pages: list[list[Entity]]) -> None:
    gathered = Gathered()
    for page in pages:
        gathered.put([(one.blueprint, one.identifier) for one in page], page, completed)

    with tempfile.TemporaryDirectory() as folder:
        one_by_one, together = (Catalog(Sqlite(), Path(folder) / name) for name in ("each.db", "all.db"))
        for page in pages:
            for entity in page:
                one_by_one.write(entity)
        together.write(*gathered.entities.values())
        assert together.entities() == one_by_one.entities()


def _mapping(identifier: str, **properties: str) -> dict[str, Any]:
    return {"identifier": identifier, "blueprint": '"user"', "properties": properties}


@pytest.mark.parametrize(
    ("merge", "arrives"),
    [(True, {"mail": "ada@acme.test", "role": "admin"}), (False, {"role": "admin"})],
    ids=["merge", "replace"],
)
def test_several_mappings_of_a_resource_complete_an_entity(
    tmp_path: Path, *, merge: bool, arrives: dict[str, str]
) -> None:
    mappings = [_mapping(".id", mail=".mail"), _mapping(".id", role=".role")]
    users = {"kind": "/users", "port": {"entity": {"mappings": mappings}}}
    api = routes({"/users": [{"id": "ada", "mail": "ada@acme.test", "role": "admin"}]})
    with port() as standin, serve(api) as server:
        define(standin, "user", {"mail": {"type": "string"}, "role": {"type": "string"}})
        project = Project(tmp_path, server.url, [users])
        project.config |= {"sink": {"type": "port", **settings(standin)}, "enableMergeEntity": merge}

        kind = project.sync().kinds[0]

        assert (kind.created, kind.duplicates) == (1, 1)
        assert standin.entities.of("user")["ada"].properties == arrives
