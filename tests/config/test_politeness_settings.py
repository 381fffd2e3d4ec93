"""What may be set about rates and error answers, and what is said where it cannot work."""

from __future__ import annotations

import pytest

from support.configuring import load, problems, resources, warnings


def connection(settings: str) -> str:
    return f"connection:\n  baseUrl: https://api.test\n  {settings}\nresources: []\n"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("requestsPerSecond: 0", "requestsPerSecond: must be greater than 0"),
        ("requestsPerMinute: -1", "requestsPerMinute: must be greater than 0"),
        ("requestsPerSecond: fast", "requestsPerSecond: expected a number"),
        ("requestsPerSecond: .inf", "requestsPerSecond: expected a number"),
        ("requestsPerSecond: true", "requestsPerSecond: expected a number"),
        ("burst: 0", "burst: must be at least 1"),
        ("burst: 1.5", "burst: expected a whole number"),
        (
            "rateLimitWhen: .a |",
            "rateLimitWhen: jq does not compile: `.a |`: syntax error, unexpected end of file (line 1, column 4)",
        ),
        ("rateLimitWhen: [1]", "rateLimitWhen: expected text"),
        ("requestPerSecond: 5", 'requestPerSecond: there is no such setting; did you mean "requestsPerSecond"?'),
    ],
)
def test_a_limit_that_cannot_be_kept_is_a_problem_at_its_place(settings: str, problem: str) -> None:
    assert problems(connection(settings)) == [f"penstock.yml:3: connection.{problem}"]


def test_a_burst_without_a_rate_is_warned_of() -> None:
    message = "has no effect without requestsPerSecond or requestsPerMinute"
    assert warnings(load(connection("burst: 5"))) == [f"penstock.yml:3: connection.burst: {message}"]
    assert warnings(load(connection("burst: 5\n  requestsPerMinute: 90"))) == []


@pytest.mark.parametrize("name", ["failWhen", "fail_when"])
def test_fail_when_belongs_to_a_request(name: str) -> None:
    team = f"{{endpoint: /teams, field: .id, {name}: .items == null}}"
    text = resources(f"{{{name}: .response.body.code != 0, path_parameters: {{team: {team}}}}}", kind="/t/{team}")
    [resource] = load(text).resources
    assert resource.request.fail_when == ".response.body.code != 0"
    assert resource.path_parameters[0].request.fail_when == ".items == null"


def test_fail_when_is_compiled_before_anything_is_sent() -> None:
    team = "{endpoint: /teams, field: .id, fail_when: '.b |'}"
    text = resources(f"{{fail_when: '.a |', path_parameters: {{team: {team}}}}}", kind="/t/{team}")
    selector = "penstock.yml:4: resources[0].selector"
    end = "syntax error, unexpected end of file (line 1, column 4)"
    assert problems(text) == [
        f"{selector}.fail_when: jq does not compile: `.a |`: {end}",
        f"{selector}.path_parameters.team.fail_when: jq does not compile: `.b |`: {end}",
    ]
