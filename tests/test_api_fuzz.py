"""The whole API, fuzzed by its own description, as everybody: no 5xx, no undocumented answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from school import School, school

from api.main import create_app
from api.settings import Settings
from api.store import courses, jobs, people

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
WHO = ("visitor", "pupil", "teacher", "admin")
EXAMPLES = 6
# Passwords are hashed for longer than the usual 10 s where the machine has other things to do.
ASKING = {"timeout": 120, "allow_redirects": False}
SCHEMA = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def room() -> Iterator[School]:
    # Of clips it takes any number: "too many wait" would hide what else they could be answered.
    with school(max_clips=10_000) as found:
        found.ids["handed_in"] = found.hand_in("pupil", found.ids["assignment"])
        found.ids["clip"] = found.hand_in_clip("pupil", found.ids["assignment"])
        with found.database.writing() as session:
            task = courses.assignment(session, found.caller("teacher"), found.ids["assignment"])
            batch = jobs.add_batch(session, found.caller("teacher"), task, [found.ids["handed_in"]])
            found.ids["batch"] = batch.id
            # Somebody whom no request signs out: the others are who asks.
            somebody = people.add_person(session, "Somebody", None, "trainee").id
        found.ids["somebody"] = somebody
        yield found
        for who in WHO[1:]:  # or what was fuzzed as them was not
            assert found.ask(who, "GET", "/me").status_code == 200


def real(room: School, parameters: dict[str, Any], label: str) -> dict[str, Any]:
    """Path parameters that lead somewhere, in place of the generated ones."""
    ids = {
        "person_id": room.ids["somebody"],
        "course_id": room.ids["knots"],
        "rubric_id": room.ids["rubric"],
        "assignment_id": room.ids["assignment"],
        "submission_id": room.ids["clip" if of_a_clip(label) else "handed_in"],
        "batch_id": room.ids["batch"],
    }
    return {name: ids.get(name, value) for name, value in parameters.items()}


def of_a_clip(label: str) -> bool:
    return label.endswith(("/motion", "/clip", "/measurements"))


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_breaks_the_service_or_its_description(room: School, label: str) -> None:
    operation = OPERATIONS[label]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        generated = dict(case.path_parameters or {})
        wheres = [generated]
        if generated and case.method != "DELETE":
            wheres.append(real(room, generated, label))
        for who in WHO:
            headers = {"authorization": f"Bearer {room.keys[who]}"} if who in room.keys else {}
            for where in wheres:
                case.path_parameters = where
                answer = case.call(base_url=str(room.client.base_url), headers=headers, **ASKING)
                case.validate_response(answer, checks=CHECKS)

    ask()
