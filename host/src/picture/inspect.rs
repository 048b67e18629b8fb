//! What holds for every picture, whatever its data: tests hand theirs to [`inspect`].

use super::text::width;
use super::{Picture, STYLE, Size};

const ELEMENTS: [&str; 13] =
    ["svg", "title", "desc", "defs", "pattern", "g", "a", "rect", "circle", "line", "path", "text", "tspan"];
const ATTRIBUTES: [&str; 26] = [
    "xmlns",
    "class",
    "viewBox",
    "font-size",
    "role",
    "aria-labelledby",
    "aria-describedby",
    "id",
    "href",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "width",
    "height",
    "d",
    "fill",
    "text-anchor",
    "patternUnits",
    "tabindex",
];

/// Looks at a picture in both sizes, and at its table.
pub(super) fn inspect(picture: &dyn Picture) {
    for size in [Size::Wide, Size::Compact] {
        let svg = picture.svg("test", size);
        assert_eq!(svg, picture.svg("test", size), "the same data makes the same picture");
        look(&svg);
    }
    let table = picture.table();
    assert!(table.links.is_empty() || table.links.len() == table.rows.len(), "a link for each row, or none");
    table.links.iter().flatten().for_each(|href| assert!(href.starts_with(['/', '?', '#']), "{href}"));
    for row in &table.rows {
        assert_eq!(row.len(), table.head.len(), "{row:?}");
    }
}

struct Element<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    text: &'a str,
}

impl Element<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn number(&self, name: &str) -> f64 {
        self.get(name).map_or(0.0, |value| value.parse().unwrap())
    }
}

/// Where a text stands: left, right, its line.
type Written<'a> = (f64, f64, f64, &'a str);

fn look(svg: &str) {
    let mut open = Vec::new();
    let mut ids = Vec::new();
    let mut elements = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("every tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "tags are closed in order");
            continue;
        }
        let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let element = element(tag, text);
        assert!(ELEMENTS.contains(&element.name), "{tag}");
        if !is_closed {
            open.push(element.name);
        }
        ids.extend(element.get("id").map(str::to_owned));
        elements.push(element);
    }
    assert!(open.is_empty(), "{open:?}");
    for id in &ids {
        assert!(id.starts_with("test-"), "{id}");
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "{id} is there once");
    }
    for element in &elements {
        for (name, value) in &element.attributes {
            assert!(ATTRIBUTES.contains(name), "{name} of {}", element.name);
            if *name == "class" {
                value.split(' ').for_each(|class| assert!(has_rule(class), "{class} has no rule"));
            }
        }
        if let Some(id) = element.get("fill").map(|fill| fill.trim_start_matches("url(#").trim_end_matches(')')) {
            assert!(ids.iter().any(|known| known == id), "{id} is defined");
        }
        if let Some(href) = element.get("href") {
            assert!(href.starts_with(['/', '?', '#']), "{href}");
        }
    }
    let role = if elements.iter().any(|element| element.name == "a") { "group" } else { "img" };
    assert_eq!(elements[0].get("role"), Some(role));
    assert_eq!([elements[1].name, elements[2].name], ["title", "desc"]);
    assert!(!elements[1].text.is_empty() && !elements[2].text.is_empty());
    places(&elements);
}

fn element<'a>(tag: &'a str, text: &'a str) -> Element<'a> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes = Vec::new();
    while let Some((attribute, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"').expect("every value ends");
        attributes.push((attribute.trim(), value));
        rest = after;
    }
    assert_eq!(rest.trim(), "", "{tag}");
    Element { name, attributes, text }
}

fn has_rule(class: &str) -> bool {
    STYLE.match_indices(&format!(".{class}")).any(|(at, found)| {
        !STYLE[at + found.len()..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '-')
    })
}

/// Nothing is outside of the picture, and no text stands on another.
fn places(elements: &[Element<'_>]) {
    let view: Vec<f64> = elements[0].get("viewBox").unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
    let (right, bottom) = (view[2], view[3]);
    let inside = |x: f64, y: f64, what: &str| {
        assert!(
            x >= -1.0 && x <= right + 1.0 && y >= -1.0 && y <= bottom + 1.0,
            "{what} at {x}, {y} of {right}, {bottom}"
        );
    };
    let mut written: Vec<Written<'_>> = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        match element.name {
            "rect" => {
                let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| element.number(name));
                inside(x, y, "rect");
                inside(x + width, y + height, "rect");
            }
            "circle" => inside(element.number("cx"), element.number("cy"), "circle"),
            "line" => {
                inside(element.number("x1"), element.number("y1"), "line");
                inside(element.number("x2"), element.number("y2"), "line");
            }
            "text" => {
                // A cut text holds its whole in a title, and goes on after it; inspected is where it begins.
                let text = if element.text.is_empty() { elements[index + 1].text } else { element.text };
                if !element.text.is_empty() {
                    let figure = elements.get(index + 1).filter(|next| next.name == "tspan");
                    let (left, mut right) = extent(element, text);
                    right += figure.map_or(0.0, |figure| width(figure.text, 12.0));
                    inside(left, element.number("y"), text);
                    inside(right, element.number("y"), text);
                    written.push((left, right, element.number("y"), text));
                }
            }
            _ => {}
        }
    }
    written.sort_by(|one, other| one.2.total_cmp(&other.2));
    for (index, one) in written.iter().enumerate() {
        for other in written[index + 1..].iter().take_while(|other| other.2 - one.2 < 10.0) {
            assert!(one.1 <= other.0 || other.1 <= one.0, "{:?} at {one:?} touches {:?} at {other:?}", one.3, other.3);
        }
    }
}

/// From where to where a text goes. The widths are estimates that are rather large.
fn extent(element: &Element<'_>, text: &str) -> (f64, f64) {
    let size = match element.get("class") {
        Some("p-tick" | "p-note" | "p-figure" | "p-on") => 11.0,
        Some("p-big") => 24.0,
        _ => 12.0,
    };
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("&#39;", "'");
    let (x, width) = (element.number("x"), width(&plain, size) * 0.96);
    match element.get("text-anchor") {
        Some("middle") => (x - width / 2.0, x + width / 2.0),
        Some(_) => (x - width, x),
        None => (x, x + width),
    }
}
