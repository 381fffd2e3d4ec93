"""The Helm chart: what it makes of values, which values it refuses, and that Kubernetes would take what it makes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager
from penstock.version import VERSION
from support.chart import CHART, CRON, LEAST, ROOT, Manifests, at, helm, refusal, render

README = (CHART / "README.md").read_text(encoding="utf-8")
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
KUBERNETES = ("1.25", "1.28", "1.31", "1.34", "1.37")

PUBLISHED: Mapping[str, Any] = {
    "port": {"clientId": "an-id", "clientSecret": "a-secret", "baseUrl": "https://api.getport.io"},
    "initializePortResources": True,
    "createPortResourcesOrigin": "Default",
    "scheduledResyncInterval": 60,
    "sendRawDataExamples": False,
    "integration": {
        "identifier": "ocean-custom",
        "type": "custom",
        "eventListener": {"type": "POLLING"},
        "config": {
            "baseUrl": "https://api.yourcompany.com",
            "authType": "bearer_token",
            "paginationType": "page",
            "pageSize": 100,
            "verifySsl": True,
            "customHeaders": {"X-Team": "hr"},
        },
        "secrets": {"apiToken": "t0ken"},
    },
}
"""The values of the command that Port's documentation shows, and some more."""
EVERYTHING: Mapping[str, Any] = {
    **PUBLISHED,
    "existingSecret": "vault",
    "image": {"digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "registry"}],
    "workload": {"cron": {"resyncTimeoutMinutes": 30, "timeZone": "Etc/UTC"}},
    "persistence": {"storageClass": "", "size": "5Gi"},
    "selfSignedCertificate": {"enabled": True, "certificate": "-----BEGIN CERTIFICATE-----\nQQ==\n"},
    "networkPolicy": {"enabled": True, "egress": [{"ports": [{"protocol": "TCP", "port": 8443}]}]},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}},
    "ingress": {"enabled": True, "className": "nginx", "host": "sync.example.com", "tlsSecret": "sync-tls"},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    "podAnnotations": {"team": "hr"},
    "podLabels": {"team": "hr"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "dnsPolicy": "ClusterFirst",
}
PLUGINS: Mapping[str, Mapping[str, Any]] = {
    "image": {"image": {"reference": "registry.example.com/plugins:1"}},
    "volume": {"volume": {"persistentVolumeClaim": {"claimName": "plugins"}}},
    "initContainer": {
        "initContainer": {"image": "python:3.13-slim", "command": ["pip", "install", "--target=/plugins", "acme"]}
    },
}


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
@pytest.mark.parametrize("values", [{}, PUBLISHED, EVERYTHING], ids=["least", "published", "everything"])
def test_kubernetes_takes_every_manifest(values: Mapping[str, Any], kind: str, version: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="`tox -e chart` validates the manifests")

    manifests = render(values, at("workload.kind", kind))

    assert len(manifests.all()) >= 6
    assert kind in manifests.kinds()
    for manifest in manifests.all():
        validator.validate(manifest, version, strict=True)


@pytest.mark.parametrize("source", PLUGINS)
def test_kubernetes_takes_plugins_from_wherever_they_come(source: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="`tox -e chart` validates the manifests")

    manifests = render({"plugins": PLUGINS[source]})

    for manifest in manifests.all():
        validator.validate(manifest, "1.34", strict=True)
    assert {"name": "plugins", "mountPath": "/plugins", "readOnly": True} in manifests.container["volumeMounts"]
    [volume] = [volume for volume in manifests.pod["volumes"] if volume["name"] == "plugins"]
    match source:
        case "image":
            assert volume["image"] == {"reference": "registry.example.com/plugins:1", "pullPolicy": "IfNotPresent"}
        case "volume":
            assert volume["persistentVolumeClaim"] == {"claimName": "plugins"}
        case _:
            [first] = manifests.pod["initContainers"]
            assert volume["emptyDir"] == {}
            assert first["command"] == PLUGINS[source]["initContainer"]["command"]
            assert first["securityContext"] == manifests.container["securityContext"]
            assert {"name": "plugins", "mountPath": "/plugins"} in first["volumeMounts"]


def test_helm_finds_nothing_to_complain_of() -> None:
    linted = helm.lint(str(CHART), values=dict(LEAST), strict=True)

    assert linted["errors"] == []
    assert [message["error"] for message in linted["messages"]] == ["icon is recommended"]


def test_the_published_values_give_the_published_variables() -> None:
    manifests = render(PUBLISHED)

    assert manifests.variables == {
        "OCEAN__EVENT_LISTENER": '{"type":"POLLING"}',
        "OCEAN__SCHEDULED_RESYNC_INTERVAL": "60",
        "PENSTOCK__SERVICE__PORT": "8000",
        "OCEAN__INITIALIZE_PORT_RESOURCES": "true",
        "OCEAN__CREATE_PORT_RESOURCES_ORIGIN": "Default",
        "OCEAN__SEND_RAW_DATA_EXAMPLES": "false",
        "OCEAN__INTEGRATION__IDENTIFIER": "ocean-custom",
        "OCEAN__INTEGRATION__TYPE": "custom",
        "OCEAN__INTEGRATION__CONFIG__BASE_URL": "https://api.yourcompany.com",
        "OCEAN__INTEGRATION__CONFIG__AUTH_TYPE": "bearer_token",
        "OCEAN__INTEGRATION__CONFIG__PAGINATION_TYPE": "page",
        "OCEAN__INTEGRATION__CONFIG__PAGE_SIZE": "100",
        "OCEAN__INTEGRATION__CONFIG__VERIFY_SSL": "true",
        "OCEAN__INTEGRATION__CONFIG__CUSTOM_HEADERS": '{"X-Team":"hr"}',
        "OCEAN__PORT__BASE_URL": "https://api.getport.io",
    }
    assert manifests.secrets == {
        "OCEAN__PORT__CLIENT_ID": "an-id",
        "OCEAN__PORT__CLIENT_SECRET": "a-secret",
        "OCEAN__INTEGRATION__CONFIG__API_TOKEN": "t0ken",
    }


def test_penstock_understands_what_the_chart_gives_it(tmp_path: Path) -> None:
    manifests = render(PUBLISHED, _complete_mapping(), at("settings.entityDeletionThreshold", 0.5))
    for name, text in manifests.one("ConfigMap", "-files")["data"].items():
        (tmp_path / name).write_text(text)

    environ = {**manifests.variables, **manifests.secrets}
    files = (tmp_path / "penstock.yml", tmp_path / "port-app-config.yml")
    settings = load_settings(
        Inputs(config_file=files[0], mapping_file=files[1], environ=environ, sink=None, catalog=None, dotenv=None),
        PluginManager(disabled=()),
    )

    assert settings.warnings == ()
    assert getattr(settings.sink.config, "send_raw_data_examples") is False  # noqa: B009
    assert settings.source == "ocean-custom"
    assert settings.state_dir == Path("/data/.penstock")
    assert settings.connection.http.base_url == "https://api.yourcompany.com"
    assert [resource.kind for resource in settings.resources] == ["/users"]


def _complete_mapping() -> dict[str, Any]:
    mappings = {"identifier": ".id", "blueprint": '"user"'}
    return {
        "mapping": {
            "resources": [{"kind": "/users", "selector": {"query": "true"}, "port": {"entity": {"mappings": mappings}}}]
        }
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1000000, "1000000"),
        (1e6, "1000000"),
        (10000000000, "10000000000"),
        (0.5, "0.5"),
        (False, "false"),
        (0, "0"),
        ("007", "007"),
        ("", ""),
        ([1, "a"], '[1,"a"]'),
        ({"a": {"b": None}}, '{"a":{"b":null}}'),
    ],
)
def test_a_value_is_passed_on_as_the_text_of_a_variable(value: object, text: str) -> None:
    assert render(at("integration.config.x", value)).variables["OCEAN__INTEGRATION__CONFIG__X"] == text


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("baseUrl", "BASE_URL"),
        ("verifySsl", "VERIFY_SSL"),
        ("strictX509", "STRICT_X509"),
        ("page_size", "PAGE_SIZE"),
        ("customAuthRequestTemplate", "CUSTOM_AUTH_REQUEST_TEMPLATE"),
    ],
)
def test_a_name_is_passed_on_as_the_name_of_a_variable(name: str, variable: str) -> None:
    manifests = render(at(f"integration.config.{name}", "a"), at(f"integration.secrets.{name}2", "b"))

    assert manifests.variables[f"OCEAN__INTEGRATION__CONFIG__{variable}"] == "a"
    assert manifests.secrets[f"OCEAN__INTEGRATION__CONFIG__{variable}2"] == "b"


def test_other_variables_are_passed_on_by_their_own_name() -> None:
    manifests = render(at("integration.extraConfig.penstock__connection__burst", 3))

    assert manifests.variables["PENSTOCK__CONNECTION__BURST"] == "3"


def test_no_secret_is_anywhere_but_in_a_secret() -> None:
    manifests = render(EVERYTHING)
    elsewhere = [manifest for manifest in manifests.all() if manifest["kind"] != "Secret"]

    assert not [word for word in ("an-id", "a-secret", "t0ken") if word in json.dumps(elsewhere)]
    assert manifests.container["envFrom"] == [
        {"configMapRef": {"name": "hr-penstock"}},
        {"secretRef": {"name": "hr-penstock"}},
        {"secretRef": {"name": "vault"}},
    ]


@pytest.mark.parametrize(
    ("interval", "schedule"),
    [
        (None, "0 * * * *"),
        (1, "* * * * *"),
        (15, "*/15 * * * *"),
        ("30", "*/30 * * * *"),
        (60, "0 * * * *"),
        (360, "0 */6 * * *"),
        (1440, "0 0 * * *"),
        (10080, "0 0 * * 0"),
        ("17 3 * * 1-5", "17 3 * * 1-5"),
        ("@daily", "@daily"),
    ],
)
def test_an_interval_in_minutes_and_a_cron_expression_are_both_a_schedule(interval: object, schedule: str) -> None:
    manifests = render(CRON, {"scheduledResyncInterval": interval})

    assert manifests.one("CronJob")["spec"]["schedule"] == schedule


@pytest.mark.parametrize("minutes", [0, 7, 45, 90, 300, 2880])
def test_minutes_that_cron_cannot_count_are_refused(minutes: int) -> None:
    assert f"cron cannot express every {minutes} minutes" in refusal({**CRON, "scheduledResyncInterval": minutes})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"intergration": {}}, "invalid propertyName 'intergration'"),
        ({"intergration": {}}, "'integration'"),
        (at("workload.cron.concurencyPolicy", "Forbid"), "invalid propertyName 'concurencyPolicy'"),
        (at("port.clientID", "x"), "value must be one of 'baseUrl', 'clientId', 'clientSecret'"),
        (at("port.baseUrl", "api.getport.io"), "at '/port/baseUrl'"),
        (at("image.digest", "sha256:12"), "at '/image/digest'"),
        (at("workload.cron.suspend", "yes"), "at '/workload/cron/suspend': got string, want boolean"),
        (at("persistence.size", "much"), "at '/persistence/size'"),
        ({"ingress": {"enabled": True}}, "ingress.host: an ingress needs the name it is reached by"),
        ({"ingress": {"enabled": True, "host": "h"}, "service": {"enabled": False}}, "service.enabled is false"),
        (at("workload.kind", "Job"), "value must be one of 'CronJob', 'Deployment'"),
        ({"mapping": None}, "mapping: nothing says what to read"),
        (at("existingMapping.configMap", "m"), "the mapping comes from one of them"),
        (
            {"plugins": {**PLUGINS["image"], **PLUGINS["volume"]}},
            "plugins.image and plugins.volume: plugins come from one",
        ),
        ({"selfSignedCertificate": {"enabled": True}}, "neither certificate nor existingSecret.name is set"),
        (at("selfSignedCertificate.certificate", "/ca.pem"), "at '/selfSignedCertificate/certificate'"),
    ],
)
def test_values_that_are_wrong_are_refused_with_what_is_right(values: Mapping[str, Any], message: str) -> None:
    assert message in refusal(values)


def test_a_secret_that_is_refused_is_not_shown() -> None:
    assert "hunter2" not in refusal(at("integration.secrets.apiToken", ["hunter2"]))


def test_the_container_may_do_nothing_it_need_not_do() -> None:
    manifests = render()

    assert manifests.pod["securityContext"]["runAsUser"] == 10001
    assert manifests.pod["securityContext"]["runAsNonRoot"] is True
    assert manifests.pod["automountServiceAccountToken"] is False
    assert manifests.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_service_runs_alone_and_is_asked_how_it_is() -> None:
    manifests = render()
    spec = manifests.one("Deployment")["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert manifests.container["args"][0] == "serve"
    assert manifests.container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    assert manifests.container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "http"}
    assert manifests.one("Service")["spec"]["selector"].items() <= manifests.template["metadata"]["labels"].items()
    assert manifests.kinds().isdisjoint({"CronJob", "Job"})


def test_a_service_begins_anew_when_what_it_reads_has_changed_and_only_then() -> None:
    first, same, other = (render(PUBLISHED, at("integration.config.pageSize", size)) for size in (100, 100, 50))

    assert first.template == same.template
    assert first.template["metadata"]["annotations"] != other.template["metadata"]["annotations"]


def test_a_cron_job_syncs_once_and_serves_nothing() -> None:
    manifests = render(PUBLISHED, CRON)

    assert manifests.variables["OCEAN__EVENT_LISTENER"] == '{"type":"ONCE"}'
    assert manifests.container["args"][:2] == ["sync", "--wait"]
    assert "livenessProbe" not in manifests.container
    assert manifests.kinds().isdisjoint({"Deployment", "Service", "Ingress"})


def test_a_job_runs_at_once_and_another_when_what_it_reads_has_changed() -> None:
    first, same, other = (render(CRON, at("integration.config.pageSize", size)) for size in (100, 100, 50))

    assert first.job["metadata"]["name"] == same.job["metadata"]["name"] != other.job["metadata"]["name"]
    assert first.job["spec"]["template"] == first.template


def test_no_job_runs_at_once_where_none_is_wanted() -> None:
    assert "Job" not in render(CRON, {"workload": {"cron": {"runOnChange": False}}}).kinds()
    assert "Job" not in render(CRON, {"workload": {"cron": {"suspend": True}}}).kinds()


def test_a_job_that_failed_stays_failed_and_a_time_limit_ends_it() -> None:
    job = render(CRON, at("workload.cron.resyncTimeoutMinutes", 30)).one("CronJob")["spec"]["jobTemplate"]["spec"]

    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (0, 1800)
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_network_policy_lets_out_what_is_needed_and_in_whom_it_names() -> None:
    manifests = render(EVERYTHING)
    spec = manifests.one("NetworkPolicy")["spec"]
    labels = manifests.template["metadata"]["labels"]

    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    assert (spec["policyTypes"], spec["ingress"]) == (["Ingress", "Egress"], [])
    assert [port["port"] for rule in spec["egress"] for port in rule["ports"]] == [53, 53, 443, 8443]
    rule: dict[str, Any] = {"from": [{"podSelector": {}}]}
    assert render(EVERYTHING, at("networkPolicy.ingress", [rule])).one("NetworkPolicy")["spec"]["ingress"] == [rule]
    assert spec["egress"][1]["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]


def test_a_claim_of_ones_own_is_used_and_none_made() -> None:
    manifests = render(at("persistence.existingClaim", "mine"))

    assert "PersistentVolumeClaim" not in manifests.kinds()
    assert manifests.pod["volumes"][0] == {"name": "data", "persistentVolumeClaim": {"claimName": "mine"}}


def test_a_mapping_may_be_text_or_a_config_map_of_ones_own() -> None:
    text = render({"mapping": "resources:\n  - kind: /x # why\n"})
    own = render({"mapping": None}, at("existingMapping", {"configMap": "mine", "key": "m.yml"}))

    assert text.one("ConfigMap", "-files")["data"]["port-app-config.yml"] == "resources:\n  - kind: /x # why\n"
    assert own.pod["volumes"][2]["projected"]["sources"][1] == {
        "configMap": {"name": "mine", "items": [{"key": "m.yml", "path": "port-app-config.yml"}]}
    }
    assert "--mapping=/config/port-app-config.yml" in own.container["args"]


def test_a_certificate_is_trusted_beside_the_usual_ones() -> None:
    manifests = render(EVERYTHING)

    assert manifests.variables["PENSTOCK__CONNECTION__CA_BUNDLE"] == "/certificates/ca.crt"
    assert manifests.one("Secret", "-ca")["stringData"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({}, "penstock:0.1.0"),
        ({"image": {"repository": "r.example.com/penstock", "tag": "2"}}, "r.example.com/penstock:2"),
        ({"integration": {"version": "3"}}, "penstock:3"),
        ({"image": {"digest": f"sha256:{'0' * 64}"}}, f"penstock@sha256:{'0' * 64}"),
    ],
)
def test_the_image_is_named_by_tag_or_digest(image: Mapping[str, Any], name: str) -> None:
    assert render(image).container["image"] == name


def test_a_long_name_stays_within_what_kubernetes_allows() -> None:
    manifests: Manifests = render(CRON, {"fullnameOverride": "a" * 80})
    names = {manifest["kind"]: manifest["metadata"]["name"] for manifest in manifests.all()}

    assert (len(names["CronJob"]), len(names["Job"])) == (43, 52)


PAGE = (ROOT / "docs" / "deploy" / "kubernetes.md").read_text(encoding="utf-8")


def _shown(language: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence" and token.info == language]


@pytest.mark.parametrize("block", _shown("yaml"))
def test_kubernetes_takes_what_the_page_shows(block: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="`tox -e chart` validates the manifests")

    manifests = list(render(yaml.safe_load(block)).all())
    assert manifests
    for manifest in manifests:
        validator.validate(manifest, "1.34", strict=True)


def test_the_command_that_the_page_shows_gives_what_the_file_beside_it_gives() -> None:
    [command] = [
        shlex.split(block.replace("\\\n", " ")) for block in _shown("bash") if block.startswith("helm install")
    ]
    pairs = [argument.partition("=") for word, argument in pairwise(command) if word == "--set"]
    by_command = render(*(at(path, yaml.safe_load(value)) for path, _, value in pairs))
    [file] = [yaml.safe_load(block) for block in _shown("yaml") if "existingSecret" in block]

    assert command[:4] == ["helm", "install", "acme-hr", "deploy/helm/penstock"]
    assert by_command.variables == render(file).variables
    assert by_command.container["envFrom"] == render(file).container["envFrom"]


def test_the_chart_has_the_version_of_penstock() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert chart["appVersion"] == VERSION


def _values(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with its path, as far down as the chart decides on names."""
    for name, value in values.items():
        below = schema["properties"].get(name, {})
        if "propertyNames" in below and below["type"] == "object":
            yield from _values(value, below, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _documented() -> dict[str, str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(README)
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| ", README, re.MULTILINE)
    assert any(token.type == "table_open" for token in tokens)
    return dict(rows)


def test_the_readme_documents_every_value_with_its_default_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    shown = {path: yaml.safe_load(text.strip("`")) if text else None for path, text in _documented().items()}

    assert shown == dict(_values(DEFAULTS, schema))


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert _differences(DEFAULTS, schema, "") == []


def _differences(values: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> list[str]:
    names = set(schema["properties"]) - ({"global"} if not path else set())
    found = [f"{path}{name}" for name in sorted(names ^ set(values)) if not path.startswith("resources.")]
    assert schema["propertyNames"]["enum"] == sorted(schema["properties"])
    for name, below in schema["properties"].items():
        if "propertyNames" in below and below["type"] == "object" and name in values:
            found += _differences(values[name], below, f"{path}{name}.")
    return found
