"""The call of set_context that clients make."""

from __future__ import annotations

import json
import threading
import uuid

from pgaudit_kit.clients.call import acting, call, current
from pgaudit_kit.clients.hlc import Clock, Moment


def test_known_fields_are_parameters_and_others_are_extra() -> None:
    made = call({"actor_id": 7, "permissions": ("read", 2), "order": uuid.UUID(int=1), "extra": {"a": None}})
    assert made.text == (
        'SELECT "audit"."set_context"(actor_id => CAST(%(actor_id)s AS text),'
        " permissions => CAST(%(permissions)s AS text[]), extra => CAST(%(extra)s AS jsonb))"
    )
    extra = json.loads(made.parameters.pop("extra"))
    assert extra == {"a": None, "order": "00000000-0000-0000-0000-000000000001"}
    assert made.parameters == {"actor_id": "7", "permissions": ["read", "2"]}


def test_a_field_that_is_none_is_left_as_it_is_and_an_empty_one_is_taken_away() -> None:
    assert call({"actor_id": None, "action": ""}).parameters == {"action": ""}


def test_a_clock_adds_the_moment_and_its_node() -> None:
    clock = Clock("eu-1")
    made = call({}, clock=clock)
    assert made.parameters["node_id"] == "eu-1"
    assert clock.tick() > Moment.parse(json.loads(made.parameters["extra"])["hlc"])


def test_a_schema_with_any_name_is_quoted() -> None:
    assert call({}, schema='My "Log"').text == 'SELECT "My ""Log"""."set_context"()'


def test_who_acts_is_known_to_its_thread_alone() -> None:
    seen = []
    with acting(actor_id="ada"), acting(action="publish"):
        assert current() == {"actor_id": "ada", "action": "publish"}
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    assert (seen, current()) == ([{}], {})
