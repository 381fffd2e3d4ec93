"""A comment in a pull request: not larger than forges take, and nothing in it is anything but text."""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt

from support.commands import config_for, penstock, write_config
from support.project import USER, resource, user
from support.server import routes, serve

GITHUB = 65_536


def _comment(folder: Path, resources: list[dict[str, object]], table: dict[str, object]) -> str:
    with serve(routes(table)) as api:
        write_config(folder, config_for(api.url, resources))
        ran = penstock("plan", "--quiet", "--format", "markdown", folder=folder)
    assert ran.code == 0
    return ran.out


def test_a_large_plan_is_folded_up_and_fits(tmp_path: Path) -> None:
    kinds = [f"/k{number}" for number in range(30)]
    resources = [resource(kind, blueprint=f"b{number}") for number, kind in enumerate(kinds)]
    items = [{"id": f"{number} {'long' * 50}", "name": "name " * 50} for number in range(200)]

    comment = _comment(tmp_path, resources, dict.fromkeys(kinds, items))

    assert len(comment) < GITHUB
    assert "<details open>" not in comment
    assert comment.count("<details>") == comment.count("</details>")
    assert comment.count("```") == 2 * comment.count("<details>")
    assert "### Plan: 6,000 to create" in comment
    assert "# ... and 150 more to create" in comment
    assert "`penstock plan --format json` has all of it" in comment
    for number in range(30):
        assert f"<code>/k{number}</code> | complete | 200 |" in comment


def test_a_thousand_kinds_fit(tmp_path: Path) -> None:
    kinds = [f"/{'kind' * 20}/{number}" for number in range(1000)]

    comment = _comment(tmp_path, [resource(kind) for kind in kinds], {kind: [] for kind in kinds})

    assert len(comment) < GITHUB
    assert "| ... and 900 more |" in comment


def test_nothing_from_outside_is_markdown_or_html(tmp_path: Path) -> None:
    nasty = "```\n</details><script>x</script> @everyone [x](http://evil.test) | *a* \u202e \x1b[31m"
    kind = "/users?x=`*a*`|<b>@everyone"
    users = {"users": [{**user(1), "id": nasty, "name": nasty, "email": nasty}]}

    comment = _comment(tmp_path, [{**USER, "kind": kind, "selector": {"data_path": ".users"}}], {"/users": users})

    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(comment)
    html = "".join(token.content for token in tokens if token.type == "html_block")
    html += "".join(child.content for token in tokens for child in token.children or () if child.type == "html_inline")
    assert "script" not in html
    assert "<b>" not in html
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "html_inline", "softbreak", "code_inline"}
    assert [token.type for token in tokens].count("fence") == 1
    assert "\x1b" not in comment
    assert "\u202e" not in comment
