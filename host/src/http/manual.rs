//! The page that shows the API's description to people: operations by group, what each takes and gives, and how to call it.

use serde_json::{Map, Value};

use super::page::fill;

/// The page's body.
pub(super) fn body(document: &Value) -> String {
    let about = document["info"]["description"].as_str().unwrap_or_default();
    let mut html = fill("<p>{}</p><p><a href=\"/openapi.json\">openapi.json</a></p>", &[about]);
    let groups = document["tags"].as_array().into_iter().flatten();
    for group in groups {
        let name = group["name"].as_str().unwrap_or_default();
        let operations = operations(document, name);
        if operations.is_empty() {
            continue;
        }
        html += &fill("<h2>{}</h2><p>{}</p>", &[name, text(&group["description"])]);
        html += &operations.into_iter().map(|(method, path, one)| operation(method, path, one)).collect::<String>();
    }
    html += "<h2>Schemas</h2>";
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    html += &schemas.map(|(name, schema)| schema_table(name, schema)).collect::<String>();
    html
}

/// The operations of a group: method, path, and what the document says.
fn operations<'a>(document: &'a Value, group: &str) -> Vec<(&'a str, &'a str, &'a Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    all.filter(|(_, _, operation)| operation["tags"][0] == group).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn operation(method: &str, path: &str, operation: &Value) -> String {
    let method = method.to_uppercase();
    let mut html = fill("<h3><code>{} {}</code></h3><p>{}</p>", &[&method, path, text(&operation["summary"])]);
    if let Some(about) = operation["description"].as_str() {
        html += &fill("<p>{}</p>", &[about]);
    }
    let right = operation["security"][0].as_object().and_then(|one| one.values().next());
    html += &match right.and_then(|scopes| scopes[0].as_str()) {
        Some(right) => fill("<p>Needs the right <code>{}</code>.</p>", &[right]),
        None => "<p>Needs a signature.</p>".to_owned(),
    };
    if let Some(command) = operation["x-command"].as_str() {
        html += &fill("<p>The same on the command line: <code>{}</code></p>", &[command]);
    }
    let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        html += "<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th>About</th></tr></thead><tbody>";
        for parameter in parameters {
            html += &fill(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                &[
                    text(&parameter["name"]),
                    text(&parameter["in"]),
                    &kind(&parameter["schema"]),
                    text(&parameter["description"]),
                ],
            );
        }
        html += "</tbody></table>";
    }
    html += &fill("<pre>{}</pre>", &[&curl(&method, path, operation)]);
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let media = response["content"].as_object().and_then(|content| content.values().next());
        let schema = media.map(|media| kind(&media["schema"])).unwrap_or_default();
        html +=
            &fill("<p><strong>{}</strong> {} <code>{}</code></p>", &[status, text(&response["description"]), &schema]);
        let shown = media.and_then(|media| media.get("example")).filter(|_| status != "default");
        if let Some(shown) = shown {
            let shown = serde_json::to_string_pretty(shown).unwrap_or_default();
            html += &fill("<details><summary>Example</summary><pre>{}</pre></details>", &[&shown]);
        }
    }
    html
}

/// How to call it from a shell.
fn curl(method: &str, path: &str, operation: &Value) -> String {
    let mut lines = vec![format!("curl -X {method} \"$LEADLINE_URL{path}\"")];
    match operation.get("security") {
        Some(_) => lines.push("  -H \"Authorization: Bearer $LEADLINE_KEY\"".to_owned()),
        None => {
            let headers = operation["parameters"].as_array().into_iter().flatten();
            let headers = headers.filter(|one| one["in"] == "header");
            lines.extend(headers.map(|one| format!("  -H \"{}: …\"", text(&one["name"]))));
        }
    }
    for (kind, media) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        lines.push(format!("  -H \"Content-Type: {kind}\""));
        lines.push(match media.get("example") {
            Some(example) => format!("  -d '{example}'"),
            None => "  --data-binary @file".to_owned(),
        });
    }
    lines.join(" \\\n")
}

/// What a schema is, in a word.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        one if one == "array" => format!("list of {}", kind(&schema["items"])),
        one => one.as_str().unwrap_or("any").to_owned(),
    }
}

fn schema_table(name: &str, schema: &Value) -> String {
    let mut html = fill("<h3><code>{}</code></h3><p>{}</p>", &[name, text(&schema["description"])]);
    let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
    let mut rows = String::new();
    for part in parts {
        if let Some(reference) = part["$ref"].as_str() {
            let whole = reference.rsplit('/').next().unwrap_or_default();
            rows += &fill("<tr><td></td><td>{}</td><td>All of its fields.</td></tr>", &[whole]);
        }
        for (field, about) in part["properties"].as_object().into_iter().flat_map(Map::iter) {
            rows += &fill(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                &[field, &kind(about), text(&about["description"])],
            );
        }
    }
    match rows.is_empty() {
        true => html += &fill("<p><code>{}</code></p>", &[&kind(schema)]),
        false => {
            html += "<table><thead><tr><th>Field</th><th>Type</th><th>About</th></tr></thead><tbody>";
            html += &rows;
            html += "</tbody></table>";
        }
    }
    html
}
