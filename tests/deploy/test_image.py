"""The image: what is in it, what it runs as, and that it syncs with a mounted plugin where nothing is allowed.

``tox -e image`` runs these; elsewhere, and where the machine cannot run containers, they are skipped and say why.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from penstock.demo.data import SERVICES, USERS
from support.containers import FOLDER_VARIABLE, HARDENED, STRANGER, CommandError, Container, Engine

ROOT = Path(__file__).parents[2]
COMPOSE_FOLDER = ROOT / "deploy" / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((COMPOSE_FOLDER / "compose.yaml").read_text(encoding="utf-8"))
TAG = "localhost/penstock:test"
EPOCH = "1767225600"
LARGEST = 150_000_000
"""Bytes; what was built on 2026-11-29 has 137 million, 16 of them for Kafka."""
KEY = "made-up"
EXPECTED = {
    "service": sum(not service["archived"] for service in SERVICES),
    "user": sum(bool(user["active"]) for user in USERS),
}
MOUNTING = find_spec("penstock.mounting") is not None
PLUGINS_FOUND = {} if MOUNTING else {"PYTHONPATH": "/plugins"}
"""What it takes that a folder of plugins is found, where penstock does not look into one by itself."""


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The tools to build and to run, if they are there."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        pytest.skip(f"{FOLDER_VARIABLE} is not set: `tox -e image` builds and runs the image")
    told = Path(folder) / "skipped"
    if told.exists():
        pytest.skip(told.read_text(encoding="utf-8").strip())
    return Engine(Path(folder))


def _build(engine: Engine, tag: str, *options: str, source: Path = ROOT) -> None:
    epoch = ("--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}", "--timestamp", EPOCH)
    engine.build(source, tag, *epoch, "--build-arg", "VERSION=0.1.0", "--build-arg", "REVISION=abc", *options)


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """The name of the image, built now."""
    _build(engine, TAG, "--layers")
    return TAG


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin of the compose file, built."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=COMPOSE_FOLDER / "plugin", check=True, capture_output=True)
    folder.chmod(0o755)  # pytest keeps its folders to itself, and the container runs as another user
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="session")
def tree(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as ``pip install --target`` leaves it."""
    folder = tmp_path_factory.mktemp("tree")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def api(engine: Engine, image: str) -> Iterator[str]:
    """The demo's API in a container of its own, as the compose file has it; its name, whose network others can join."""
    name = f"penstock-api-{os.getpid()}"
    with engine.start(image, name, _service("api", "--network=none")) as ran:
        assert ran.stderr is not None
        assert "listens on http://0.0.0.0:8080" in ran.stderr.readline()
        yield name
        engine.stop(name)
        assert ran.wait() == 143


def _service(name: str, *more: str, volumes: Sequence[str] = (), **variables: str) -> Container:
    """Return how the compose file runs a service, in the words of ``docker run``; an unknown word fails."""
    service = COMPOSE["services"][name]
    options = list(more)
    for word, value in service.items():
        match word:
            case "read_only":
                options += ["--read-only", "--read-only-tmpfs=false"] if value else []
            case "cap_drop":
                options += [f"--cap-drop={capability}" for capability in value]
            case "security_opt":
                options += [f"--security-opt={option.removesuffix(':true')}" for option in value]
            case "tmpfs":
                options += [f"--tmpfs={folder}" for folder in value]
            case "build" | "image" | "command" | "environment" | "volumes" | "depends_on" | "healthcheck":
                pass
            case _:
                raise AssertionError(f"{name}.{word} is not tried by this test")
    defaults = {key: re.sub(r"\$\{\w+:-(\S+)\}", r"\1", value) for key, value in service["environment"].items()}
    return Container(service["command"], defaults | variables, volumes, options)


def _user_folder(tmp_path: Path) -> Path:
    """A folder that any user may write to, as a volume is."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def _hosts(tmp_path: Path) -> str:
    """Let the containers of one network find each other by the names of the compose file."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost api\n")
    return f"{hosts}:/etc/hosts:ro"


def _arrived(catalog: Path) -> dict[str, int]:
    with closing(sqlite3.connect(catalog)) as database:
        return dict(database.execute("SELECT blueprint, count(*) FROM entities GROUP BY blueprint").fetchall())


def _sync(engine: Engine, image: str, api: str, tmp_path: Path, plugins: Path, user: str) -> Path:
    """Sync the API into a folder, with plugins mounted; return the folder."""
    data = _user_folder(tmp_path)
    ran = engine.run(
        image,
        Container(
            command=("sync", "--config", "/config/penstock.yml", "--quiet"),
            environment={"DOOR_KEY": KEY, **PLUGINS_FOUND},
            volumes=(
                f"{COMPOSE_FOLDER / 'penstock.yml'}:/config/penstock.yml:ro",
                f"{plugins}:/plugins:ro",
                f"{data}:/data",
                _hosts(tmp_path),
            ),
            options=(*HARDENED, f"--user={user}", f"--network=container:{api}"),
        ),
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    return data


@pytest.mark.parametrize("user", ["10001:10001", STRANGER, "12345:0"])
def test_it_syncs_with_a_mounted_tree_as_any_user_where_nothing_else_is_allowed(
    engine: Engine, image: str, api: str, tree: Path, user: str, tmp_path: Path
) -> None:
    data = _sync(engine, image, api, tmp_path, tree, user)

    assert _arrived(data / "catalog.db") == EXPECTED


@pytest.mark.skipif(not MOUNTING, reason="this penstock does not look into wheels")
def test_it_syncs_with_a_mounted_wheel(engine: Engine, image: str, api: str, wheel: Path, tmp_path: Path) -> None:
    data = _sync(engine, image, api, tmp_path, wheel.parent, STRANGER)

    assert _arrived(data / "catalog.db") == EXPECTED


def test_what_the_compose_file_says_syncs(engine: Engine, image: str, api: str, tree: Path, tmp_path: Path) -> None:
    data = _user_folder(tmp_path)
    places = {"./plugins": tree, "./penstock.yml": COMPOSE_FOLDER / "penstock.yml", "catalog": data}
    parted = [volume.partition(":") for volume in COMPOSE["services"]["sync"]["volumes"]]
    volumes = [f"{places[outside]}:{inside}" for outside, _, inside in parted]
    options = f"--network=container:{api}"

    ran = engine.run(image, _service("sync", options, volumes=[*volumes, _hosts(tmp_path)], **PLUGINS_FOUND))

    assert ran.returncode == 0, ran.stderr
    assert _arrived(data / "catalog.db") == EXPECTED
    assert set(COMPOSE["volumes"]) == {"catalog"}


def test_the_health_check_of_the_composed_api_tells_whether_it_answers(engine: Engine, api: str) -> None:
    word, *command = COMPOSE["services"]["api"]["healthcheck"]["test"]

    assert word == "CMD"
    assert engine.within(api, *command) == ""
    with pytest.raises(CommandError, match="ConnectionRefusedError"):
        engine.within(api, *(part.replace("8080", "8081") for part in command))


PUBLISHED: Mapping[str, str] = {
    "OCEAN__PORT__CLIENT_ID": "an-id",
    "OCEAN__PORT__CLIENT_SECRET": "a-secret",
    "OCEAN__PORT__BASE_URL": "https://api.getport.io",
    "OCEAN__INITIALIZE_PORT_RESOURCES": "true",
    "OCEAN__SCHEDULED_RESYNC_INTERVAL": "60",
    "OCEAN__INTEGRATION__IDENTIFIER": "ocean-custom",
    "OCEAN__INTEGRATION__TYPE": "custom",
    "OCEAN__INTEGRATION__CONFIG__BASE_URL": "http://127.0.0.1:8080",
    "OCEAN__INTEGRATION__CONFIG__AUTH_TYPE": "bearer_token",
    "OCEAN__INTEGRATION__CONFIG__API_TOKEN": KEY,
    "OCEAN__INTEGRATION__CONFIG__PAGINATION_TYPE": "page",
    "OCEAN__INTEGRATION__CONFIG__PAGE_SIZE": "100",
}
"""The variables of the command that Port's documentation shows, but for the event listener."""
MAPPING = """\
resources:
  - kind: /users
    selector: {query: .active, data_path: .users}
    port: {entity: {mappings: {identifier: .login, blueprint: '"user"'}}}
"""


def _published(api: str, data: Path, listener: str) -> Container:
    """Run the default command with a mapping, with nothing but variables beside it."""
    mapping = data.parent / "port-app-config.yml"
    mapping.write_text(MAPPING)
    return Container(
        command=("serve", "--mapping", "/config/port-app-config.yml"),
        environment={
            **PUBLISHED,
            "OCEAN__EVENT_LISTENER": json.dumps({"type": listener}),
            "PENSTOCK__SINK__TYPE": "sqlite",  # the credentials alone would have it write to Port
        },
        volumes=(f"{mapping}:/config/port-app-config.yml:ro", f"{data}:/data"),
        options=(*HARDENED, f"--user={STRANGER}", f"--network=container:{api}"),
    )


def test_the_published_variables_are_enough_with_a_mapping(
    engine: Engine, image: str, api: str, tmp_path: Path
) -> None:
    data = _user_folder(tmp_path)

    ran = engine.run(image, _published(api, data, "ONCE"))

    assert ran.returncode == 0, ran.stderr
    assert _arrived(data / "catalog.db") == {"user": EXPECTED["user"]}


def test_what_is_mounted_where_oceans_image_looks_for_it_is_taken(engine: Engine, image: str, tmp_path: Path) -> None:
    resources = _user_folder(tmp_path)
    (resources / "port-app-config.yml").write_text(MAPPING)
    certificate = resources / "cert.crt"
    certificate.write_text((ROOT / "tests/http/tls/strict.pem").read_text())
    look = (
        "import pathlib, penstock.config.models as m, penstock.http.routes as r, penstock_sinks._port_resources as p\n"
        "context = r.make_tls_context(m.HttpSettings(base_url='https://a.test'))\n"
        "print(context.cert_store_stats()['x509'], len(p.Resources.beneath(pathlib.Path('.port/resources')).mapping))"
    )

    def found(*volumes: str) -> list[str]:
        options = (*HARDENED, f"--user={STRANGER}", "--entrypoint=python3")
        ran = engine.run(
            image, Container(("-c", look), {}, (f"{resources}:/app/.port/resources:ro", *volumes), options)
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.split()

    [usual, members] = found()
    [more, _] = found(f"{certificate}:/usr/local/share/ca-certificates/cert.crt:ro")
    assert (int(more) - int(usual), members) == (1, "1")


def test_the_service_passes_the_health_check_of_the_image_and_stops_when_asked(
    engine: Engine, image: str, api: str, tmp_path: Path
) -> None:
    word, *check = engine.inspect(image)["Healthcheck"]["Test"]
    name = f"penstock-service-{os.getpid()}"
    with pytest.raises(CommandError):
        engine.within(api, *check)  # nothing serves yet in the network of the API

    with engine.start(image, name, _published(api, _user_folder(tmp_path), "POLLING")) as served:
        assert served.stderr is not None
        told = next(line for line in served.stderr if "listen" in line or "8000" in line)
        healthy = engine.within(name, *check)
        engine.stop(name)
        rest = served.stderr.read()
        assert served.wait() == 143, told + rest

    assert (word, healthy) == ("CMD", "")


def test_the_demo_runs_without_a_network(engine: Engine, image: str) -> None:
    container = Container(command=("demo", "--dir", "/data/demo", "--quiet"), options=("--network=none", "--read-only"))

    ran = engine.run(image, container)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.search(r"^service +43 ", ran.stdout, re.MULTILINE)


def test_it_says_what_it_is_and_runs_as_nobody_in_particular(engine: Engine, image: str) -> None:
    config = engine.inspect(image)["Config"]

    user, _, group = config["User"].partition(":")
    assert int(user) >= 10000 <= int(group)
    assert config["Entrypoint"] == ["penstock"]
    assert config["Cmd"] == ["serve"]
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert config["WorkingDir"] == "/data"
    assert list(config["Volumes"]) == ["/data"]
    assert "PENSTOCK_PLUGINS_DIR=/plugins" in config["Env"]
    assert {name.rpartition(".")[2]: value for name, value in config["Labels"].items() if "opencontainers" in name} == {
        "title": "penstock",
        "description": "Point it at any HTTP API: its records arrive, mapped and kept in step, in a catalog.",
        "licenses": "Apache-2.0",
        "version": "0.1.0",
        "revision": "abc",
    }


def test_there_is_no_shell_no_pip_and_no_other_program_in_it(engine: Engine, image: str) -> None:
    with engine.files(image) as root:
        files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        programs = {path.name for path in files if path.stat().st_mode & 0o111}
        names = {path.name for path in files}
        loose = [path for path in files if path.stat().st_mode & 0o6002]

    loaders = {name for name in programs if name.startswith("ld-")}
    assert programs == {"penstock", f"python{sys.version_info.major}.{sys.version_info.minor}", *loaders}
    assert len(loaders) == 1
    assert not names & {"sh", "bash", "dash", "busybox", "pip", "ensurepip", "apt", "apt-get", "dpkg", "perl"}
    assert loose == []  # nothing that anybody may change, or that gives rights


def test_it_can_listen_to_kafka(engine: Engine, image: str) -> None:
    """The reference's chart listens so unless told otherwise, and its image is to be exchanged for this one."""
    consumer = "confluent_kafka.Consumer({'bootstrap.servers': 'b', 'group.id': 'g'})"
    code = f"import confluent_kafka; print(len({consumer}.assignment()))"

    ran = engine.run(image, Container(command=("-c", code), options=("--entrypoint=python3", "--network=none")))

    assert (ran.returncode, ran.stdout) == (0, "0\n"), ran.stderr


def test_it_is_small(engine: Engine, image: str) -> None:
    assert engine.inspect(image)["Size"] < LARGEST


def test_every_module_is_compiled_and_needs_no_checking(engine: Engine, image: str) -> None:
    with engine.files(image) as root:
        library = next((root / "usr/local/lib").glob("python3.*"))
        modules = {path.relative_to(library) for path in library.rglob("*.py")}
        caches = list(library.rglob("__pycache__/*.pyc"))
        cached = {path.parents[1].relative_to(library) / f"{path.name.partition('.')[0]}.py" for path in caches}
        kinds = {int.from_bytes(path.read_bytes()[4:8], "little") for path in caches}

    assert len(modules) > 300
    assert cached == modules
    assert kinds == {1}  # PEP 552: by hash, unchecked


def test_the_bill_of_materials_lists_what_is_in_the_image(engine: Engine, image: str) -> None:
    validation: Any = pytest.importorskip("cyclonedx.validation.json", reason="`tox -e image` validates the bill")
    schema: Any = pytest.importorskip("cyclonedx.schema")

    with engine.files(image) as root:
        text = (root / "usr/share/sbom/penstock.cdx.json").read_text(encoding="utf-8")
        site = next((root / "usr/local/lib").glob("python3.*/site-packages"))
        installed = {re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower() for path in site.glob("*.dist-info")}
        debian = {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()}
    bill = json.loads(text)
    parts = [bill["metadata"]["component"], *bill["components"]]

    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(text) is None
    assert _names(parts, "pkg:pypi/") == installed
    assert _names(parts, "pkg:deb/debian/") == debian >= {"libc6", "libssl3", "libsqlite3-0", "ca-certificates"}
    assert _names(parts, "pkg:generic/") == {"python"}
    assert bill["metadata"]["timestamp"] == "2026-01-01T00:00:00+00:00"


def _names(parts: list[Mapping[str, str]], start: str) -> set[str]:
    purls = [part["purl"].removeprefix(start) for part in parts if part["purl"].startswith(start)]
    names = {purl.partition("@")[0] for purl in purls}
    return {re.sub(r"[-_.]+", "-", name) for name in names} if start == "pkg:pypi/" else names


def test_the_locked_requirements_are_those_of_the_project() -> None:
    """No image is needed for this one: a dependency that is new or raised must be locked anew."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "deploy/image/requirements.txt").read_text(), re.MULTILINE)
    )
    lines = [*project["dependencies"], *project["optional-dependencies"]["kafka"]]
    wanted = [Requirement(line) for line in lines]

    behind = [str(one) for one in wanted if locked.get(one.name) is None or locked[one.name] not in one.specifier]
    assert behind == [], "run `tox -e lock`"


def test_built_again_elsewhere_its_layer_and_its_configuration_are_the_same(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    for name in (".dockerignore", "Dockerfile", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("core", "plugins", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name)

    _build(engine, f"{TAG}-again", "--layers", "--no-cache", source=tmp_path)

    assert _same_each_time(engine, f"{TAG}-again") == _same_each_time(engine, image)


def _same_each_time(engine: Engine, tag: str) -> list[Any]:
    found = engine.inspect(tag)
    return [found["RootFS"], found["Config"], found["Created"]]
