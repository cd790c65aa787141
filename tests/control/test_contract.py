"""The dashboard's types are those of the OpenAPI document: made, not written."""

import pytest

from ops import contract


def test_the_dashboards_types_are_those_of_the_api() -> None:
    made = contract.typescript(contract.document(), *contract.named())
    assert contract.FILE.read_text() == made, "run: .venv/bin/python ops/contract.py"


def test_the_document_is_whole_without_a_running_desk() -> None:
    paths = contract.document()["paths"]
    assert {"/api/v1/auth/wallet", "/api/v1/config/settings", "/api/v1/operations/telemetry"} <= set(paths)


def test_a_field_that_the_desk_renames_shows_in_the_types() -> None:
    described = contract.document()
    position = described["components"]["schemas"]["Position"]
    position["properties"]["worth"] = position["properties"].pop("value_lamports")
    made = contract.typescript(described, *contract.named())
    assert "worth?: string | null;" in made
    assert made != contract.FILE.read_text()


def test_a_call_that_the_desk_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError):
        contract.typescript(contract.document(), ["GET /no/such/thing"], [])


def test_what_may_be_left_out_is_optional_for_who_asks_and_sure_for_who_reads() -> None:
    described = {
        "components": {
            "schemas": {
                "Asked": {
                    "type": "object",
                    "properties": {"often": {"type": "integer", "default": 1}, "name": {"type": "string"}},
                    "required": ["name"],
                },
                "Told": {"type": "object", "properties": {"often": {"type": "integer", "default": 1}}},
            }
        },
        "paths": {
            "/api/v1/x/{id}": {
                "post": {
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                        {"name": "a-b", "in": "query", "schema": {"enum": ["u", "v"]}},
                        {"name": "X-Y", "in": "header", "schema": {"type": "string"}},
                    ],
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Asked"}}}
                    },
                    "responses": {
                        "201": {
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Told"}}}
                        }
                    },
                }
            }
        },
    }
    made = contract.typescript(described, ["POST /x/{id}"], [])
    assert "Asked: {\n    often?: number;\n    name: string;\n  }" in made
    assert "Told: {\n    often: number;\n  }" in made
    assert 'path: { id: string };\n    query: { "a-b"?: "u" | "v" };\n    body: Schemas["Asked"];' in made
    assert "X-Y" not in made


WHOLE = {
    "/api/v1/risk/breakers": "as many as there are breakers",
    "/api/v1/config/settings": "as many as there are settings",
    "/api/v1/strategies": "as many as the house has plug-ins",
    "/api/v1/positions/{uuid}/marks": "thinned to a fixed number",
    "/api/v1/operations/secrets": "as many as there are keys",
    "/api/v1/decisions/stats": "outcomes and reasons, bounded",
    "/api/v1/portfolios/{portfolio_id}/positions": "open ones: bounded by the limit on positions",
}
"""Lists that come whole, and why that stays small."""


def test_every_list_is_paged_with_a_bound_or_known_to_be_short() -> None:
    document = contract.document()
    kinds = document["components"]["schemas"]
    paged, whole = set(), set()
    for path, operations in document["paths"].items():
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
        if kinds.get(name, {}).get("properties", {}).get("items", {}).get("type") != "array":
            continue
        asked = {one["name"]: one["schema"] for one in operations["get"].get("parameters", ())}
        bound = asked.get("limit", {})
        if bound.get("maximum", 10**9) <= 1_000 and {"offset", "before"} & set(asked):
            paged.add(path)
        elif "maximum" not in bound:
            whole.add(path)
    assert len(paged) >= 9
    assert whole <= set(WHOLE), "neither paged nor known to be short"
