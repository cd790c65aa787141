"""Writes the dashboard's types from the control plane's OpenAPI document, or says with --check that they are stale.

    python ops/contract.py

Only what the dashboard calls is written: `web/src` names an operation as "GET /positions/{uuid}", and
finds its parameters, body and answer under that name. A call that the desk does not know is an error here, a field
that it does not have is one of the TypeScript compiler.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry

from chimera.adapters.clocks import WallClock
from chimera.control.app import create_app
from chimera.control.deps import ControlDeps
from chimera.control.sessions import Identity
from chimera.observe import Observer, Redactor, make_log

Shape = dict[str, Any]

ROOT = Path(__file__).parents[1]
CALLS = ROOT / "web/src"
"""Logging in stands beside the other calls."""
FILE = CALLS / "api/contract.gen.ts"
PREFIX = "/api/v1"
OPERATION = re.compile(r'"(GET|POST|PUT|DELETE) (/[^"\s]*)"')
SHAPE = re.compile(r'Schemas\["(\w+)"\]')
HEAD = """\
// Made by ops/contract.py from the control plane's OpenAPI document. Change the desk's types, then run it again.
"""


def document() -> Shape:
    """The OpenAPI document of a control plane that has every part; none of the parts is asked anything."""
    absent = cast(Any, object())
    silent = Observer(
        make_log(level="error", json=True, redactor=Redactor(), stream=StringIO()), CollectorRegistry()
    )
    application = create_app(
        ControlDeps(
            ingress=absent,
            reader=absent,
            keys=absent,
            commands=absent,
            stream=absent,
            history=absent,
            decimals=absent,
            config=absent,
            clock=WallClock(),
            observer=silent,
            label="",
            configuration=absent,
            screens=absent,
            statistics=absent,
            portfolios=absent,
            resources=absent,
            secrets=absent,
            identity=Identity(logins=absent, signed_by=absent, secret=b"-" * 32),
        )
    )
    return cast(Shape, json.loads(asyncio.run(_get(application, "/openapi.json"))))


async def _get(application: Any, path: str) -> bytes:
    """What the application answers in-process."""
    body = bytearray()

    async def receive() -> Shape:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Shape) -> None:
        body.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }
    await application(scope, receive, send)
    return bytes(body)


def named(folder: Path = CALLS) -> tuple[list[str], list[str]]:
    """The operations that the dashboard's calls name, like `GET /positions/{uuid}`, and the shapes beside them.

    What comes by the stream is a shape of no operation.
    """
    files = [file for file in sorted(folder.rglob("*.ts")) if ".test." not in file.name and file != FILE]
    text = "\n".join(file.read_text() for file in files)
    operations = {f"{method} {path}" for method, path in OPERATION.findall(text)}
    return sorted(operations), sorted(set(SHAPE.findall(text)))


def typescript(described: Shape, operations: list[str], shapes: list[str]) -> str:
    """The module: an interface for each shape, and one with what each operation takes and answers.

    Raises KeyError for an operation or a shape that the document does not have.
    """
    schemas: Shape = described["components"]["schemas"]
    found = {name: _operation(described, name) for name in operations}
    beside = [{"$ref": f"#/components/schemas/{name}"} for name in shapes]
    asked = [shape[part] for shape in found.values() for part in ("body", "parameters")]
    bodies = set(_reached(schemas, asked))
    answers = set(_reached(schemas, [*(shape["answer"] for shape in found.values()), *beside]))
    lines = [HEAD, "export interface Schemas {"]
    for name in sorted(bodies | answers):
        # Whoever answers always fills in what has a default; whoever asks may leave it out.
        lines += _commented(schemas[name].get("description"), "  ")
        lines.append(f"  {_key(name)}: {_type(schemas[name], filled=name not in bodies, indent='  ')};")
    lines += ["}", "", "export interface Operations {"]
    for name, shape in found.items():
        lines += _commented(shape["summary"], "  ")
        lines += [
            f'  "{name}": {{',
            f"    path: {_parameters(shape['parameters'], 'path')};",
            f"    query: {_parameters(shape['parameters'], 'query')};",
            f"    body: {_type(shape['body'], filled=False, indent='    ') if shape['body'] else 'undefined'};",
            f"    answer: {_type(shape['answer'], filled=True, indent='    ') if shape['answer'] else 'Blob'};",
            "  };",
        ]
    return "\n".join([*lines, "}", ""])


def _operation(described: Shape, name: str) -> Shape:
    """What matters of one operation; an answer that is no JSON is None."""
    method, _, path = name.partition(" ")
    told = described["paths"][PREFIX + path][method.lower()]
    done = next(answer for status, answer in told["responses"].items() if status.startswith("2"))
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answer = done.get("content", {}).get("application/json", {}).get("schema")
    parameters = [one for one in told.get("parameters", ()) if one["in"] in ("path", "query")]
    return {"summary": told.get("summary"), "parameters": parameters, "body": body, "answer": answer or None}


def _reached(schemas: Shape, shapes: list[Any]) -> Iterator[str]:
    """The names of all shapes that these are made of."""
    seen: set[str] = set()
    waiting = [json.dumps(shape) for shape in shapes if shape]
    while waiting:
        for name in re.findall(r'"#/components/schemas/([^"]+)"', waiting.pop()):
            if name not in seen:
                seen.add(name)
                waiting.append(json.dumps(schemas[name]))
                yield name


def _type(shape: Shape, *, filled: bool, indent: str) -> str:
    """The TypeScript type of a JSON schema; what it does not bound is `unknown`."""
    if "$ref" in shape:
        return f'Schemas["{shape["$ref"].rpartition("/")[2]}"]'
    if "enum" in shape:
        return " | ".join(json.dumps(choice) for choice in shape["enum"])
    if "anyOf" in shape:
        return " | ".join(dict.fromkeys(_type(part, filled=filled, indent=indent) for part in shape["anyOf"]))
    match shape.get("type"):
        case "object" if "properties" in shape:
            return _object(shape, filled=filled, indent=indent)
        case "object":
            values = shape.get("additionalProperties", {})
            inner = _type(values, filled=filled, indent=indent) if isinstance(values, dict) else "unknown"
            return f"{{ [name: string]: {inner} }}"
        case "array":
            inner = _type(shape.get("items", {}), filled=filled, indent=indent)
            if shape.get("minItems") == shape.get("maxItems") and shape.get("minItems"):
                return f"[{', '.join([inner] * shape['minItems'])}]"
            return f"({inner})[]" if " " in inner else f"{inner}[]"
        case "integer" | "number":
            return "number"
        case "string" | "boolean" | "null" as simple:
            return str(simple)
        case _:
            return "unknown"


def _object(shape: Shape, *, filled: bool, indent: str) -> str:
    deeper = f"{indent}  "
    lines = []
    for name, inner in shape["properties"].items():
        sure = name in shape.get("required", ()) or (filled and "default" in inner)
        lines += _commented(inner.get("description"), deeper)
        told = _type(inner, filled=filled, indent=deeper)
        lines.append(f"{deeper}{_key(name)}{'' if sure else '?'}: {told};")
    return "\n".join(["{", *lines, f"{indent}}}"]) if lines else "Record<string, never>"


def _parameters(parameters: list[Shape], place: str) -> str:
    told = [
        f"{_key(one['name'])}{'' if one.get('required') else '?'}:"
        f" {_type(one['schema'], filled=False, indent='')}"
        for one in parameters
        if one["in"] == place
    ]
    return f"{{ {'; '.join(told)} }}" if told else "undefined"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name)


def _commented(text: str | None, indent: str) -> list[str]:
    return [f"{indent}/** {' '.join(text.replace('*/', '* /').split())} */"] if text else []


def main(arguments: list[str]) -> int:
    """0, or 1 where --check found the file stale."""
    new = typescript(document(), *named())
    if FILE.is_file() and FILE.read_text() == new:
        return 0
    if "--check" in arguments:
        print(f"{FILE.relative_to(ROOT)} is stale; run: .venv/bin/python ops/contract.py")
        return 1
    FILE.write_text(new)
    print(f"{FILE.relative_to(ROOT)} rewritten")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
