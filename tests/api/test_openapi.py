"""The OpenAPI document is valid, complete, and tells the truth."""

import json

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


@pytest.fixture(scope="module")
def document(api) -> dict:
    return api.client.get("/openapi.json").json()


def operations(document: dict) -> list[tuple[str, str, dict]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def validator(document: dict, schema: dict) -> Draft202012Validator:
    """Checks values against a schema of the document, formats too."""
    whole = {**schema, "components": document["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_it_is_valid_openapi_3_1(document: dict) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_its_examples_are_as_it_says(document: dict) -> None:
    checked = 0
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            validator(document, schema).validate(example)
            checked += 1
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    validator(document, content["schema"]).validate(example["value"])
                    checked += 1
    assert checked >= 8


def test_what_its_examples_show_works(api, document: dict) -> None:
    schemas = document["components"]["schemas"]
    event = schemas["Event"]["examples"][0]
    sent = {**api.service, "content-type": "application/cloudevents+json"}
    response = api.client.post("/v1/events", content=json.dumps(event), headers=sent)
    assert response.status_code == 202
    validator(document, schemas["Accepted"]).validate(response.json())
    feedback = schemas["Feedback"]["examples"][0] | {"banner": "birthday", "time": None}
    own = api.bearer(api.signer.token("documented-giver"))
    given = api.client.post("/v1/me/banners/feedback", json=[feedback], headers=own)
    assert given.status_code == 202
    validator(document, schemas["FeedbackTaken"]).validate(given.json())
    contact = schemas["Contact"]["examples"][0]
    saved = api.client.put("/v1/users/example/contacts", json=contact, headers=api.service)
    assert saved.status_code == 204


@pytest.mark.parametrize("user", ["documented", "documented-nobody"])
def test_answers_are_as_it_says(api, document: dict, user: str) -> None:
    api.publish("documented", 1, ("birthday", {}))
    schemas = document["components"]["schemas"]
    for query in ("", "?after=AQ"):
        answer = api.client.get(f"/v1/users/{user}/banners{query}", headers=api.service).json()
        validator(document, schemas["BannerSet"]).validate(answer)
    problem = api.client.get(f"/v1/users/{user}/banners").json()
    validator(document, schemas["Problem"]).validate(problem)


PAGES = ("404", "429", "503")


def test_every_route_has_a_summary_and_a_problem_for_every_error(document: dict) -> None:
    for path, _, operation in operations(document):
        assert operation["summary"]
        if path.startswith("/v1"):
            assert {"414", "429", "500", "503"} <= set(operation["responses"])
            if operation.get("security"):
                assert {"400", "401", "422"} <= set(operation["responses"])
            for status in ("429", "503"):
                assert "Retry-After" in operation["responses"][status]["headers"]
            refusal = operation["responses"]["429"]["content"]["application/problem+json"]
            assert refusal["examples"]["usual"]["value"]["status"] == 429
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                pages = ["text/html"] if "unsubscribe" in path and status in PAGES else []
                assert list(response["content"]) == ["application/problem+json", *pages]
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    linked = [
        link["operationId"]
        for _, _, operation in operations(document)
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert linked
    assert set(linked) <= set(names)
