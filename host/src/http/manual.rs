//! The page that shows the API's description to people: operations by group, what each takes and gives, and how to call it.

use serde_json::{Map, Value};

/// What the page shows.
pub(super) struct Manual {
    pub(super) about: String,
    pub(super) groups: Vec<Group>,
    pub(super) schemas: Vec<Schema>,
}

pub(super) struct Group {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) operations: Vec<Operation>,
}

pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) about: Option<String>,
    /// None where a signature is needed.
    pub(super) right: Option<String>,
    pub(super) command: Option<String>,
    pub(super) parameters: Vec<Row>,
    /// How to call it from a shell.
    pub(super) call: String,
    pub(super) answers: Vec<Answer>,
}

/// A parameter, or a field of a schema.
pub(super) struct Row {
    pub(super) name: String,
    /// Where a parameter stands.
    pub(super) place: String,
    pub(super) kind: String,
    pub(super) about: String,
}

pub(super) struct Answer {
    pub(super) status: String,
    pub(super) about: String,
    pub(super) kind: String,
    pub(super) example: Option<String>,
}

pub(super) struct Schema {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) kind: String,
    pub(super) fields: Vec<Row>,
}

impl Manual {
    pub(super) fn of(document: &Value) -> Self {
        let groups = document["tags"].as_array().into_iter().flatten().map(|group| {
            let name = text(&group["name"]);
            Group { about: text(&group["description"]), operations: operations(document, &name), name }
        });
        let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
        Self {
            about: text(&document["info"]["description"]),
            groups: groups.filter(|group| !group.operations.is_empty()).collect(),
            schemas: schemas.map(|(name, schema)| described(name, schema)).collect(),
        }
    }
}

fn operations(document: &Value, group: &str) -> Vec<Operation> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method, path, operation))
    });
    let of_group = all.filter(|(_, _, operation)| operation["tags"][0] == group);
    of_group.map(|(method, path, one)| operation(method, path, one)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn operation(method: &str, path: &str, operation: &Value) -> Operation {
    let method = method.to_uppercase();
    let right = operation["security"][0].as_object().and_then(|one| one.values().next());
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| Row {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        kind: kind(&parameter["schema"]),
        about: text(&parameter["description"]),
    });
    let answers = operation["responses"].as_object().into_iter().flatten().map(|(status, response)| {
        let media = response["content"].as_object().and_then(|content| content.values().next());
        let shown = media.and_then(|media| media.get("example")).filter(|_| status != "default");
        Answer {
            status: status.clone(),
            about: text(&response["description"]),
            kind: media.map(|media| kind(&media["schema"])).unwrap_or_default(),
            example: shown.and_then(|shown| serde_json::to_string_pretty(shown).ok()),
        }
    });
    Operation {
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        about: operation["description"].as_str().map(str::to_owned),
        right: right.and_then(|scopes| scopes[0].as_str()).map(str::to_owned),
        command: operation["x-command"].as_str().map(str::to_owned),
        parameters: parameters.collect(),
        call: curl(&method, path, operation),
        answers: answers.collect(),
        method,
    }
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

fn described(name: &str, schema: &Value) -> Schema {
    let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
    let mut fields = Vec::new();
    for part in parts {
        if let Some(reference) = part["$ref"].as_str() {
            let whole = reference.rsplit('/').next().unwrap_or_default().to_owned();
            let about = "All of its fields.".to_owned();
            fields.push(Row { name: String::new(), place: String::new(), kind: whole, about });
        }
        for (field, about) in part["properties"].as_object().into_iter().flat_map(Map::iter) {
            let (kind, place) = (kind(about), String::new());
            fields.push(Row { name: field.clone(), place, kind, about: text(&about["description"]) });
        }
    }
    Schema { name: name.to_owned(), about: text(&schema["description"]), kind: kind(schema), fields }
}
