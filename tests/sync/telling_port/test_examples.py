"""Port is shown the first records of each resource: few, small and without secrets; a failure is a warning."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.port import PEOPLE
from penstock.demo.port.faults import Fault, Name
from penstock.demo.port.server import PortStandIn
from support.project import Project, resource
from support.server import ApiServer, routes

PATH = "/v1/integration/ours/kinds/%2Fusers/examples"


def shown(standin: PortStandIn, kind: str = "/users") -> list[Any]:
    return standin.integrations.examples.get(("ours", kind), [])


def test_the_first_five_records_are_shown_as_they_came(project: Project, standin: PortStandIn) -> None:
    assert project.sync().exit_code == 0

    assert shown(standin) == PEOPLE[:5]
    assert [one.target for one in standin.requests("/examples")] == [PATH]


def test_records_of_a_nested_endpoint_have_the_values_of_its_path(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    api.handler = routes(
        {"/teams": [{"id": "a"}, {"id": "b"}], "/teams/a/users": PEOPLE[:3], "/teams/b/users": PEOPLE[3:]}
    )
    nested = resource("/teams/{team}/users")
    nested["selector"]["path_parameters"] = {"team": {"endpoint": "/teams", "field": ".id"}}
    project.config["resources"] = [nested]
    project.sync()

    found = shown(standin, "/teams/{team}/users")
    assert len(found) == 5
    assert all(one["__team"] == one["team"] == ("a" if one["id"] <= 3 else "b") for one in found)


def test_secrets_are_taken_out_by_what_they_are_and_by_what_they_are_called(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    secret = "a-very-secret-t0ken"
    project.config["connection"] |= {"authType": "bearer_token", "apiToken": secret}
    record = {
        "id": 1,
        "note": f"we sent {secret}",
        "api_key": "k",
        "password": 1234,
        "credentials": {"user": "ada", "scopes": ["x"], "active": True, "until": None},
        "country": "AT",
        "list": [{"clientSecret": "s"}],
        "remark": "of AWS: AKIAIOSFODNN7EXAMPLE",
    }
    api.handler = routes({"/users": [record]})
    project.sync()

    [found] = shown(standin)
    assert found == {
        "id": 1,
        "note": "we sent ***",
        "api_key": "***",
        "password": "***",
        "credentials": {"user": "***", "scopes": ["***"], "active": True, "until": None},
        "country": "AT",
        "list": [{"clientSecret": "***"}],
        "remark": "of AWS: ***",
    }
    assert not any(secret.encode() in one.body for one in standin.requests())


@pytest.mark.parametrize(
    ("records", "count", "warned"),
    [([{"id": 1, "blob": "x" * 200_000}, {"id": 2}], 1, 0), ([{"id": 1, "blob": "x" * 200_000}], 0, 1)],
    ids=["one of two", "the only one"],
)
def test_what_is_too_large_is_left_out(
    project: Project, api: ApiServer, standin: PortStandIn, records: list[Any], count: int, warned: int
) -> None:
    api.handler = routes({"/users": records})
    report = project.sync()

    assert (report.exit_code, len(shown(standin)), len(report.kinds[0].warnings)) == (0, count, warned)


@pytest.mark.parametrize("name", ["limited", "broken", "missing", "too_large", "expired"])
def test_a_failure_is_a_warning_and_harms_nothing(project: Project, standin: PortStandIn, name: Name) -> None:
    standin.faults.pending.append(Fault(name, "/examples", times=100))
    report = project.sync()

    assert (report.exit_code, report.kinds[0].created) == (0, 8)
    [warning] = report.kinds[0].warnings
    assert warning.message.startswith("the catalog could not be given examples of records: ")
    assert f"told to: {name}" in warning.message


def test_nothing_is_shown_where_it_is_not_wanted_or_port_does_not_know_us(
    project: Project, standin: PortStandIn
) -> None:
    project.config["sink"]["sendRawDataExamples"] = False
    project.sync()
    project.config["sink"] |= {"sendRawDataExamples": True, "integrationIdentifier": "others"}
    project.sync()

    assert standin.requests("/examples") == []


def test_what_not_every_json_has_is_no_example_and_the_warning_does_not_blame_its_size_alone(
    project: Project, api: ApiServer, standin: PortStandIn
) -> None:
    api.handler = routes({"/users": [{"id": 1, "odd": 2**70}]})
    report = project.sync()

    told = [one.message for one in report.kinds[0].warnings]
    assert [one for one in told if "nested deeply, or have numbers or characters that not every JSON has" in one]
    assert standin.requests("/examples") == []


def test_a_port_that_does_not_take_examples_is_not_waited_for(
    project: Project, standin: PortStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.sync.examples._PATIENCE", 0.05)
    project.config["sink"]["maxRetries"] = 10
    standin.faults.pending.append(Fault("broken", "/examples", times=1000))

    report = project.sync()

    assert report.exit_code == 0
    [warning] = report.kinds[0].warnings
    assert warning.message.startswith("the catalog could not be given examples of records: it did not take them within")
    assert len(standin.requests("/examples")) < 10
