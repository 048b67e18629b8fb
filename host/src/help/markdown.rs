//! From the Markdown of our own documents to pages and to a terminal. It knows what they use: headings, paragraphs,
//! lists, tables, code, bold and slanted words, links.

/// A part of a document.
#[derive(Debug, PartialEq)]
enum Block<'a> {
    Heading(usize, &'a str),
    Text(String),
    List { numbered: bool, items: Vec<String> },
    Table { head: Vec<&'a str>, rows: Vec<Vec<&'a str>> },
    Code(Vec<&'a str>),
}

/// The parts of a document, in order. Comments are none.
fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = document.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            blocks.push(Block::Code(lines.by_ref().take_while(|line| !line.starts_with("```")).collect()));
        } else if let Some(heading) = heading(line) {
            blocks.push(heading);
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(row));
            }
            let head = rows.remove(0);
            rows.retain(|row| !row.iter().all(|cell| cell.chars().all(|c| c == '-' || c == ':')));
            blocks.push(Block::Table { head, rows });
        } else if let Some((numbered, item)) = item(line) {
            let mut text = item.to_owned();
            while let Some(more) = lines.next_if(|line| line.starts_with("  ") && !line.trim().is_empty()) {
                text = format!("{text} {}", more.trim());
            }
            match blocks.last_mut() {
                Some(Block::List { numbered: kind, items }) if *kind == numbered => items.push(text),
                _ => blocks.push(Block::List { numbered, items: vec![text] }),
            }
        } else if !line.trim().is_empty() && !line.starts_with("<!--") {
            let mut text = line.trim().to_owned();
            let goes_on = |line: &&str| {
                !line.trim().is_empty()
                    && !line.starts_with(['|', '#', '<'])
                    && item(line).is_none()
                    && !line.starts_with("```")
            };
            while let Some(more) = lines.next_if(goes_on) {
                text = format!("{text} {}", more.trim());
            }
            blocks.push(Block::Text(text));
        }
    }
    blocks
}

fn heading(line: &str) -> Option<Block<'_>> {
    let depth = line.bytes().take_while(|byte| *byte == b'#').count();
    let text = line[depth..].strip_prefix(' ')?;
    (depth > 0).then(|| Block::Heading(depth, text.trim()))
}

fn item(line: &str) -> Option<(bool, &str)> {
    if let Some(item) = line.strip_prefix("- ") {
        return Some((false, item));
    }
    let (number, item) = line.split_once(". ")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((true, item))
}

fn cells(row: &str) -> Vec<&str> {
    let row = row.trim().trim_start_matches('|');
    row.strip_suffix('|').unwrap_or(row).split('|').map(str::trim).collect()
}

/// A piece of a line.
#[derive(Debug, PartialEq)]
enum Span<'a> {
    Plain(&'a str),
    Code(&'a str),
    Bold(&'a str),
    Slanted(&'a str),
    Link { text: &'a str, target: &'a str },
}

fn spans(text: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(['`', '*', '[']).unwrap_or(rest.len());
        let (plain, marked) = rest.split_at(at);
        if !plain.is_empty() {
            spans.push(Span::Plain(plain));
        }
        let Some((span, behind)) = marked_span(marked) else {
            let length = marked.chars().next().map_or(0, char::len_utf8);
            if length > 0 {
                spans.push(Span::Plain(&marked[..length]));
            }
            rest = &marked[length..];
            continue;
        };
        spans.push(span);
        rest = behind;
    }
    spans
}

fn marked_span(text: &str) -> Option<(Span<'_>, &str)> {
    if let Some(inner) = text.strip_prefix('`') {
        let (code, behind) = inner.split_once('`')?;
        return Some((Span::Code(code), behind));
    }
    if let Some(inner) = text.strip_prefix("**") {
        let (bold, behind) = inner.split_once("**")?;
        return Some((Span::Bold(bold), behind));
    }
    if let Some(inner) = text.strip_prefix('*') {
        let (slanted, behind) = inner.split_once('*')?;
        return Some((Span::Slanted(slanted), behind));
    }
    let (label, behind) = text.strip_prefix('[')?.split_once("](")?;
    let (target, behind) = behind.split_once(')')?;
    Some((Span::Link { text: label, target }, behind))
}

/// A document as a piece of a page. `link` says where a link leads on it; one that leads nowhere there stays words.
pub fn html(document: &str, link: &impl Fn(&str) -> Option<String>) -> String {
    blocks(document).iter().map(|block| block_html(block, link)).collect()
}

fn block_html(block: &Block<'_>, link: &impl Fn(&str) -> Option<String>) -> String {
    let line = |text: &str| line_html(text, link);
    match block {
        Block::Heading(depth, text) => {
            let depth = (*depth).clamp(2, 4);
            format!("<h{depth} id=\"{}\">{}</h{depth}>", anchor(text), line(text))
        }
        Block::Text(text) => format!("<p>{}</p>", line(text)),
        Block::List { numbered, items } => {
            let kind = if *numbered { "ol" } else { "ul" };
            let items: String = items.iter().map(|item| format!("<li>{}</li>", line(item))).collect();
            format!("<{kind}>{items}</{kind}>")
        }
        Block::Table { head, rows } => table_html(head, rows, link),
        Block::Code(lines) => format!("<pre tabindex=\"0\">{}</pre>", escaped(&lines.join("\n"))),
    }
}

/// On a narrow page a row becomes a card, and each cell but the first says what it is.
fn table_html(head: &[&str], rows: &[Vec<&str>], link: &impl Fn(&str) -> Option<String>) -> String {
    let line = |text: &str| line_html(text, link);
    let cell = |(index, cell): (usize, &&str)| match head.get(index).filter(|_| index > 0) {
        Some(label) => format!("<td data-label=\"{}\">{}</td>", escaped(label), line(cell)),
        None => format!("<td>{}</td>", line(cell)),
    };
    let row = |row: &Vec<&str>| format!("<tr>{}</tr>", row.iter().enumerate().map(cell).collect::<String>());
    let rows: String = rows.iter().map(row).collect();
    let head: String = head.iter().map(|cell| format!("<th>{}</th>", line(cell))).collect();
    format!(
        "<div class=\"table-scroll\" tabindex=\"0\"><table class=\"cards\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn line_html(text: &str, link: &impl Fn(&str) -> Option<String>) -> String {
    let span = |span: &Span<'_>| match span {
        Span::Plain(text) => escaped(text),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
        Span::Bold(text) => format!("<strong>{}</strong>", line_html(text, link)),
        Span::Slanted(text) => format!("<em>{}</em>", line_html(text, link)),
        Span::Link { text, target } => match link(target) {
            Some(href) => format!("<a href=\"{}\">{}</a>", escaped(&href), line_html(text, link)),
            None => line_html(text, link),
        },
    };
    spans(text).iter().map(span).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The place of a heading in an address, as others who draw Markdown make it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

/// A document without its marks, for a terminal.
pub fn plain(document: &str) -> String {
    let line = |text: &str| plain_line(text);
    let block = |block: &Block<'_>| match block {
        Block::Heading(_, text) => line(text),
        Block::Text(text) => line(text),
        Block::List { items, .. } => {
            items.iter().map(|item| format!("  {}", line(item))).collect::<Vec<_>>().join("\n")
        }
        Block::Table { head, rows } => {
            let row =
                |row: &Vec<&str>| format!("  {}", row.iter().map(|cell| line(cell)).collect::<Vec<_>>().join("  "));
            std::iter::once(head).chain(rows).map(row).collect::<Vec<_>>().join("\n")
        }
        Block::Code(lines) => lines.join("\n"),
    };
    blocks(document).iter().map(block).collect::<Vec<_>>().join("\n\n")
}

fn plain_line(text: &str) -> String {
    let span = |span: &Span<'_>| match span {
        Span::Plain(text) | Span::Code(text) => (*text).to_owned(),
        Span::Bold(text) | Span::Slanted(text) | Span::Link { text, .. } => plain_line(text),
    };
    spans(text).iter().map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_drawn_with_everything_foreign_as_text() {
        let rows = [
            ("# Big\n\nA line\nthat goes on.\n", "<h2 id=\"big\">Big</h2><p>A line that goes on.</p>"),
            ("- one\n  more\n- two\n\n1. first\n", "<ul><li>one more</li><li>two</li></ul><ol><li>first</li></ol>"),
            (
                "| a | b |\n|---|---|\n| `x` | **y** |\n",
                "<div class=\"table-scroll\" tabindex=\"0\"><table class=\"cards\"><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td><code>x</code></td><td data-label=\"b\"><strong>y</strong></td></tr></tbody></table></div>",
            ),
            ("```sh\na < b\n```\n", "<pre tabindex=\"0\">a &lt; b</pre>"),
            ("<!-- nothing -->\n", ""),
            ("2 * 3 and [x] and <script>", "<p>2 * 3 and [x] and &lt;script&gt;</p>"),
            ("[here](there.md) [not](nowhere)", "<p><a href=\"/there\">here</a> not</p>"),
            ("*slanted*, 1. no list", "<p><em>slanted</em>, 1. no list</p>"),
        ];
        let link = |target: &str| (target == "there.md").then(|| "/there".to_owned());
        for (document, expected) in rows {
            assert_eq!(html(document, &link), expected, "{document}");
        }
    }

    #[test]
    fn an_anchor_is_that_of_other_readers_of_markdown() {
        for (heading, expected) in
            [("When it is tried", "when-it-is-tried"), ("property.read_only", "propertyread_only")]
        {
            assert_eq!(anchor(heading), expected);
        }
    }

    #[test]
    fn a_terminal_gets_the_words() {
        assert_eq!(plain("**A `b`.** c\n\n- d: [e](f)\n"), "A b. c\n\n  d: e");
    }
}
