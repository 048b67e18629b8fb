//! Cleaning the HTML of a note: what a CRM would never show, or never dare to, goes.

/// Elements that go together with everything inside them.
const DANGEROUS: [&str; 11] =
    ["script", "style", "template", "iframe", "object", "embed", "svg", "math", "noscript", "head", "title"];

/// Elements that stay; of all others only the text stays.
const KEPT: [&str; 32] = [
    "p",
    "br",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "a",
    "ul",
    "ol",
    "li",
    "blockquote",
    "code",
    "pre",
    "span",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
    "th",
    "sub",
    "sup",
];

/// Elements that never hold others.
const EMPTY: [&str; 8] = ["br", "hr", "img", "input", "meta", "link", "wbr", "embed"];

/// The same text without scripts, comments, hidden elements, unknown elements and attributes.
pub(crate) fn clean(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some((tag, after)) = tag(rest) else {
            out.push_str("&lt;");
            rest = &rest[1..];
            continue;
        };
        rest = after;
        if !tag.closes && (DANGEROUS.contains(&tag.name.as_str()) || is_hidden(tag.attributes)) {
            rest = behind(rest, &tag);
        } else if KEPT.contains(&tag.name.as_str()) {
            out.push_str(if tag.closes { "</" } else { "<" });
            out.push_str(&tag.name);
            out.push('>');
        }
    }
    out.push_str(rest);
    out
}

struct Tag<'a> {
    name: String,
    closes: bool,
    attributes: &'a str,
}

/// The tag at the start of this text, and what follows it.
fn tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let inner = text.strip_prefix('<')?;
    let (closes, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let is_tag = closes || inner.starts_with('!') || inner.starts_with('?');
    if !(is_tag || inner.starts_with(|first: char| first.is_ascii_alphabetic())) {
        return None;
    }
    let end = tag_end(inner).unwrap_or(inner.len());
    let (content, after) = (&inner[..end], inner.get(end + 1..).unwrap_or(""));
    let name_end = content.find(|char: char| char.is_whitespace() || char == '/').unwrap_or(content.len());
    let (name, attributes) = content.split_at(name_end);
    Some((Tag { name: name.to_ascii_lowercase(), closes, attributes }, after))
}

/// Where the tag's `>` is; one inside a quoted attribute does not count.
fn tag_end(inner: &str) -> Option<usize> {
    let mut quote = None;
    for (at, char) in inner.char_indices() {
        match (quote, char) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            _ => {}
        }
    }
    None
}

fn is_hidden(attributes: &str) -> bool {
    let squeezed: String = attributes.to_ascii_lowercase().chars().filter(|char| !char.is_whitespace()).collect();
    let words = attributes.to_ascii_lowercase();
    let has_attribute =
        words.split_whitespace().any(|word| word.trim_end_matches('/').split('=').next() == Some("hidden"));
    has_attribute || squeezed.contains("display:none") || squeezed.contains("visibility:hidden")
}

/// What follows the element that this tag has opened.
fn behind<'a>(mut rest: &'a str, opened: &Tag<'_>) -> &'a str {
    if EMPTY.contains(&opened.name.as_str()) {
        return rest;
    }
    let mut depth = 1_u32;
    while let Some(at) = rest.find('<') {
        let Some((tag, after)) = tag(&rest[at..]) else {
            rest = &rest[at + 1..];
            continue;
        };
        rest = after;
        if tag.name == opened.name {
            depth = if tag.closes { depth - 1 } else { depth + 1 };
        }
        if depth == 0 {
            return rest;
        }
    }
    ""
}

/// For text inside a page or an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn only_plain_markup_is_left() {
        for (html, expected) in [
            ("<p>Hi<br>there</p>", "<p>Hi<br>there</p>"),
            ("<p onclick=\"x('>')\">Hi</p>", "<p>Hi</p>"),
            ("a<script>alert(1)</script>b", "ab"),
            ("a<!-- Leadline evt_1/2 -->b", "ab"),
            ("a<span style=\"display: none\">x<span>y</span>z</span>b", "ab"),
            ("a<p hidden>x</p>b", "ab"),
            ("a<blink>b</blink>", "ab"),
            ("1 < 2", "1 &lt; 2"),
            ("<a href=\"javascript:x\">y</a>", "<a>y</a>"),
            ("a<script>b", "a"),
            ("a<img src=x onerror=y>b", "ab"),
            ("<SCRIPT>x</SCRIPT>ok", "ok"),
            ("ü<p>ß</p>", "ü<p>ß</p>"),
        ] {
            assert_eq!(clean(html), expected, "{html}");
        }
    }
}
