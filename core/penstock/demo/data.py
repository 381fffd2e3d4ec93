"""The records of the demo API: a made-up company, the same at every start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

Record: TypeAlias = "dict[str, object]"

_FIRST_NAMES: Final = (
    "Ada",
    "Alan",
    "Amina",
    "Anders",
    "Beatriz",
    "Carlos",
    "Chen",
    "Dalia",
    "Edsger",
    "Elif",
    "Farah",
    "Grace",
    "Hana",
    "Ines",
    "Ivan",
    "Jamal",
    "Jean",
    "Joan",
    "Kofi",
    "Lars",
    "Leila",
    "Linus",
    "Mara",
    "Margaret",
    "Mei",
    "Nadia",
    "Niklaus",
    "Olga",
    "Omar",
    "Priya",
    "Radia",
    "Rosa",
    "Sofia",
    "Tariq",
    "Tim",
    "Uma",
    "Viktor",
    "Wen",
    "Yuki",
    "Zoe",
)
_LAST_NAMES: Final = (
    "Okafor",
    "Lovelace",
    "Silva",
    "Novak",
    "Haddad",
    "Jensen",
    "Kimura",
    "Moreau",
    "Nakamura",
    "Oliveira",
    "Petrov",
    "Quist",
    "Rossi",
    "Sato",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weber",
    "Xu",
    "Yilmaz",
    "Zimmer",
    "Adeyemi",
    "Bianchi",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Hopper",
)
_TEAMS: Final = {
    "platform": "Platform",
    "payments": "Payments",
    "checkout": "Checkout",
    "search": "Search",
    "mobile": "Mobile apps",
    "data": "Data engineering",
    "security": "Security",
    "growth": "Growth",
}
_SLUGS: Final = tuple(_TEAMS)
_ROLES: Final = ("engineer", "engineer", "engineer", "designer", "product manager", "analyst")
_ZONES: Final = ("Europe/Lisbon", "Europe/Berlin", "Africa/Lagos", "Asia/Tokyo", "America/Bogota")
_PARTS: Final = ("api", "worker", "gateway", "web", "scheduler", "store")
_LANGUAGES: Final = ("python", "go", "typescript", "kotlin", "rust")
_TROUBLES: Final = (
    "Latency above target",
    "Error rate above 1 %",
    "Queue is not drained",
    "Certificate about to expire",
    "Deployment rolled back",
    "Disk almost full",
)
_START: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def _day(days: float) -> str:
    return (_START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def _user(number: int) -> Record:
    first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    last = _LAST_NAMES[number % len(_LAST_NAMES)]  # 40 and 29 names: pairs repeat after 1,160 users
    login = f"{first}.{last}".lower()
    return {
        "id": 1000 + number,
        "login": login,
        "name": f"{first} {last}",
        "email": f"{login}@acme.example",
        "role": _ROLES[number * 5 % len(_ROLES)],
        "profile": {"timezone": _ZONES[number * 3 % len(_ZONES)], "joined": _day(-number * 11)[:10]},
        "active": (number + 1) % 17 > 0,
    }


def _service(number: int) -> Record:
    team = _SLUGS[number % len(_SLUGS)]
    name = f"{team}-{_PARTS[number // len(_SLUGS)]}"
    return {
        "key": name,
        "team": team,
        "language": _LANGUAGES[number * 7 % len(_LANGUAGES)],
        "tier": 1 + number % 3,
        "repository": f"https://git.acme.example/{team}/{name}",
        "tags": ["customer-facing"] * (number % 2) + ["on-call"] * (number % 3 == 0),
        "archived": (number + 1) % 13 == 0,
    }


def _incident(number: int) -> Record:
    opened = number * 1.37
    minutes = 12 + number * 37 % 240
    resolved = (number + 1) % 9 > 0
    return {
        "number": 5000 + number,
        "title": _TROUBLES[number * 7 % len(_TROUBLES)],
        "service": SERVICES[number * 11 % len(SERVICES)]["key"],
        "severity": ("low", "medium", "high", "critical")[number * 3 % 4],
        "status": "resolved" if resolved else "open",
        "opened_at": _day(opened),
        "resolved_at": _day(opened + minutes / 1440) if resolved else None,
        "minutes": minutes if resolved else None,
    }


def _members(place: int) -> list[Record]:
    chosen = USERS[place :: len(_SLUGS)][: 6 + place]
    return [
        {"login": user["login"], "lead": index == 0, "since": _day(-30 * index)[:10]}
        for index, user in enumerate(chosen)
    ]


USERS: Final = [_user(number) for number in range(137)]
SERVICES: Final = [_service(number) for number in range(46)]
INCIDENTS: Final = [_incident(number) for number in range(118)]
TEAMS: Final[list[Record]] = [
    {"slug": slug, "name": name, "chat": f"https://chat.acme.example/{slug}"} for slug, name in _TEAMS.items()
]
MEMBERS: Final = {slug: _members(place) for place, slug in enumerate(_SLUGS)}
