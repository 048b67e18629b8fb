//! Writes SVG: rounded numbers, escaped texts, links that lead somewhere harmless. The only place that writes markup.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter, Write as _};

use super::text::fit;
use super::{Size, Tone};

/// How tall a text is where nothing else is said.
pub(super) const TEXT: f64 = 12.0;
/// The same for what stands beside an axis.
pub(super) const SMALL: f64 = 11.0;

/// With more links than these, nobody gets past a picture by keyboard: then only its table has them in the order of keys.
const LINKS_IN_ORDER_MAX: usize = 24;

/// A picture that is being drawn.
pub(super) struct Svg {
    ids: String,
    width: f64,
    class: &'static str,
    body: String,
    tones: BTreeSet<Tone>,
    links: usize,
}

/// With what an area is filled.
#[derive(Clone, Copy)]
pub(super) enum Paint {
    Tone(Tone),
    Class(&'static str),
}

impl From<Tone> for Paint {
    fn from(tone: Tone) -> Self {
        Self::Tone(tone)
    }
}

impl From<&'static str> for Paint {
    fn from(class: &'static str) -> Self {
        Self::Class(class)
    }
}

/// On which side of its point a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn attribute(self) -> &'static str {
        match self {
            Self::Start => "",
            Self::Middle => r#" text-anchor="middle""#,
            Self::End => r#" text-anchor="end""#,
        }
    }
}

/// A rectangle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub(super) fn new(left: f64, top: f64, width: f64, height: f64) -> Self {
        Self { left, top, width, height }
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

impl Svg {
    pub(super) fn new(ids: &str, size: Size) -> Self {
        Self::of(ids, size.class(), size.width())
    }

    /// One that has the same size everywhere.
    pub(super) fn small(ids: &str, width: f64) -> Self {
        Self::of(ids, "p-small", width)
    }

    fn of(ids: &str, class: &'static str, width: f64) -> Self {
        let ids = ids.chars().filter(|mark| mark.is_ascii_alphanumeric() || *mark == '-').collect();
        Self { ids, width, class, body: String::new(), tones: BTreeSet::new(), links: 0 }
    }

    pub(super) fn width(&self) -> f64 {
        self.width
    }

    /// A rectangle with corners that are rounded by `radius`.
    pub(super) fn rect(&mut self, area: Area, radius: f64, paint: impl Into<Paint>) {
        let Area { left, top, width, height } = area;
        let paint = self.paint(paint.into());
        let radius = if radius > 0.0 { format!(r#" rx="{}""#, N(radius)) } else { String::new() };
        self.write(format_args!(
            r#"<rect x="{}" y="{}" width="{}" height="{}"{radius}{paint}/>"#,
            N(left),
            N(top),
            N(width.max(0.0)),
            N(height.max(0.0)),
        ));
    }

    pub(super) fn circle(&mut self, x: f64, y: f64, radius: f64, paint: impl Into<Paint>) {
        let paint = self.paint(paint.into());
        self.write(format_args!(r#"<circle cx="{}" cy="{}" r="{}"{paint}/>"#, N(x), N(y), N(radius)));
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.write(format_args!(
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}" class="{class}"/>"#,
            N(x1),
            N(y1),
            N(x2),
            N(y2),
        ));
    }

    pub(super) fn path(&mut self, path: &Path, paint: impl Into<Paint>) {
        let paint = self.paint(paint.into());
        self.write(format_args!(r#"<path d="{}"{paint}/>"#, path.0));
    }

    /// A text; `class` may be empty.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        self.open_text(x, y, anchor, class);
        self.write(format_args!("{}</text>", Escaped(text)));
    }

    /// A text that is cut where it is wider than `width`, and then says all of it when it is pointed at.
    pub(super) fn label(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str, width: f64) {
        let shown = fit(text, width, TEXT);
        if shown == text {
            return self.text(x, y, anchor, class, text);
        }
        self.open_text(x, y, anchor, class);
        self.write(format_args!("<title>{}</title>{}</text>", Escaped(text), Escaped(&shown)));
    }

    /// A name and the figure that belongs to it; the font decides how far apart they stand.
    pub(super) fn pair(&mut self, x: f64, y: f64, name: &str, figure: &str) {
        self.open_text(x, y, Anchor::Start, "p-quiet");
        self.write(format_args!(r#"{} <tspan class="p-strong">{}</tspan></text>"#, Escaped(name), Escaped(figure)));
    }

    fn open_text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str) {
        let class = if class.is_empty() { String::new() } else { format!(r#" class="{class}""#) };
        self.write(format_args!(r#"<text x="{}" y="{}"{}{class}>"#, N(x), N(y), anchor.attribute()));
    }

    /// What `draw` draws, with words for whoever points at it, as a link where it leads somewhere.
    pub(super) fn mark(&mut self, href: Option<&str>, tip: &str, draw: impl FnOnce(&mut Self)) {
        let href = href.filter(|href| is_harmless(href));
        match href {
            Some(href) => {
                self.links += 1;
                self.write(format_args!(r#"<a href="{}"><title>{}</title>"#, Escaped(href), Escaped(tip)));
            }
            None => self.write(format_args!("<g><title>{}</title>", Escaped(tip))),
        }
        draw(self);
        self.body.push_str(if href.is_some() { "</a>" } else { "</g>" });
    }

    /// What `draw` draws, as a group with a class.
    pub(super) fn group(&mut self, class: &str, draw: impl FnOnce(&mut Self)) {
        self.write(format_args!(r#"<g class="{class}">"#));
        draw(self);
        self.body.push_str("</g>");
    }

    /// The whole document. `title` names the picture, `description` says in a sentence what it shows.
    pub(super) fn finish(self, height: f64, title: &str, description: &str) -> String {
        let Self { ids, width, class, mut body, tones, links } = self;
        if links > LINKS_IN_ORDER_MAX {
            body = body.replace("<a href=", r#"<a tabindex="-1" href="#);
        }
        let role = if links > 0 { "group" } else { "img" };
        let mut out = format!(
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" class="picture {}" viewBox="0 0 {} {}" font-size="{}" "#,
                r#"role="{}" aria-labelledby="{}-title" aria-describedby="{}-desc">"#,
                r#"<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>"#
            ),
            class,
            N(width),
            N(height),
            N(TEXT),
            role,
            ids,
            ids,
            ids,
            Escaped(title),
            ids,
            Escaped(description),
        );
        let patterns: Vec<_> = tones.into_iter().filter_map(|tone| tone.pattern(&ids)).collect();
        if !patterns.is_empty() {
            out += "<defs>";
            patterns.iter().for_each(|pattern| out += pattern);
            out += "</defs>";
        }
        out + &body + "</svg>"
    }

    fn paint(&mut self, paint: Paint) -> String {
        match paint {
            Paint::Class(class) => format!(r#" class="{class}""#),
            Paint::Tone(tone) => {
                self.tones.insert(tone);
                tone.fill(&self.ids)
            }
        }
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.body.write_fmt(text).expect("a string takes everything");
    }
}

/// Whether a link stays here or goes to another site in the open. `javascript:` does neither, and neither does `//elsewhere`.
pub(super) fn is_harmless(href: &str) -> bool {
    let here = href.starts_with('/') && !href.starts_with("//") && !href.starts_with("/\\");
    let plain = !href.chars().any(char::is_control);
    plain && (here || href.starts_with('?') || href.starts_with('#') || href.starts_with("https://"))
}

/// The outline of a shape.
#[derive(Default)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn from(x: f64, y: f64) -> Self {
        Self::default().jump(x, y)
    }

    /// Goes on elsewhere without a line.
    pub(super) fn jump(mut self, x: f64, y: f64) -> Self {
        self.add(format_args!("M{} {}", N(x), N(y)));
        self
    }

    pub(super) fn to(mut self, x: f64, y: f64) -> Self {
        self.add(format_args!("L{} {}", N(x), N(y)));
        self
    }

    /// A curve that leaves and arrives level.
    pub(super) fn level(mut self, (from_x, from_y): (f64, f64), (x, y): (f64, f64)) -> Self {
        let middle = f64::midpoint(from_x, x);
        self.add(format_args!("C{} {} {} {} {} {}", N(middle), N(from_y), N(middle), N(y), N(x), N(y)));
        self
    }

    /// A part of a circle; clockwise where it says so.
    pub(super) fn arc(mut self, radius: f64, is_clockwise: bool, (x, y): (f64, f64)) -> Self {
        let [radius, sweep] = [N(radius), N(f64::from(u8::from(is_clockwise)))];
        self.add(format_args!("A{radius} {radius} 0 0 {sweep} {} {}", N(x), N(y)));
        self
    }

    pub(super) fn close(mut self) -> Self {
        self.0.push('Z');
        self
    }

    fn add(&mut self, text: fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes everything");
    }
}

/// A length in tenths of a unit: more nobody sees, and the same everywhere.
struct N(f64);

impl Display for N {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tenths = if self.0.is_finite() { (self.0.clamp(-1e6, 1e6) * 10.0).round() } else { 0.0 };
        // The sum makes a zero of a negative one.
        write!(f, "{}", tenths / 10.0 + 0.0)
    }
}

/// A text between tags or quotes. What no document may hold, or what turns the direction of reading, becomes a mark.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for mark in self.0.chars() {
            match mark {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                '\n' | '\r' | '\t' => f.write_char(' '),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
                mark if mark.is_control() => f.write_char('\u{fffd}'),
                mark => f.write_char(mark),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_tenth_and_no_surprises() {
        let rows = [
            (0.0, "0"),
            (-0.04, "0"),
            (12.34, "12.3"),
            (7.0, "7"),
            (1e300, "1000000"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ];
        for (number, expected) in rows {
            assert_eq!(N(number).to_string(), expected);
        }
    }

    #[test]
    fn a_text_cannot_leave_its_place() {
        let text = Escaped("</text><script>'\"&\u{0}\u{202e}\n").to_string();
        assert_eq!(text, "&lt;/text&gt;&lt;script&gt;&#39;&quot;&amp;\u{fffd}\u{fffd} ");
    }

    #[test]
    fn a_link_stays_here_or_leads_into_the_open() {
        let rows = [
            ("/logs?outcome=failed", true),
            ("?day=2026-11-24", true),
            ("#g4", true),
            ("https://app.hubspot.com/contacts/1", true),
            ("//elsewhere.example", false),
            ("/\\elsewhere.example", false),
            ("javascript:alert(1)", false),
            (" javascript:alert(1)", false),
            ("java\nscript:alert(1)", false),
            ("/\tlogs", false),
            ("data:text/html,x", false),
            ("", false),
        ];
        for (href, expected) in rows {
            assert_eq!(is_harmless(href), expected, "{href:?}");
        }
    }

    #[test]
    fn a_mark_is_a_link_only_where_it_leads_somewhere() {
        let drawn = |href| {
            let mut svg = Svg::new("g 1\"", Size::Compact);
            svg.mark(href, "3 < 4", |svg| svg.circle(1.0, 2.0, 3.0, "p-dot"));
            svg.finish(10.0, "A & B", "words")
        };
        assert_eq!(
            drawn(Some("/logs?a=1&b=2")),
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" class="picture p-compact" viewBox="0 0 360 10" font-size="12" "#,
                r#"role="group" aria-labelledby="g1-title" aria-describedby="g1-desc">"#,
                r#"<title id="g1-title">A &amp; B</title><desc id="g1-desc">words</desc>"#,
                r#"<a href="/logs?a=1&amp;b=2"><title>3 &lt; 4</title><circle cx="1" cy="2" r="3" class="p-dot"/></a></svg>"#
            )
        );
        assert!(drawn(Some("javascript:alert(1)")).contains(r#"role="img""#));
        assert!(drawn(None).contains("<g><title>3 &lt; 4</title><circle"));
    }

    #[test]
    fn many_links_do_not_stand_in_the_way_of_a_keyboard() {
        let drawn = |links| {
            let mut svg = Svg::new("g1", Size::Wide);
            (0..links).for_each(|_| svg.mark(Some("/logs"), "<a href=", |_| {}));
            svg.finish(10.0, "Leads", "words")
        };
        for (links, out_of_order) in [(LINKS_IN_ORDER_MAX, 0), (LINKS_IN_ORDER_MAX + 1, LINKS_IN_ORDER_MAX + 1)] {
            assert_eq!(drawn(links).matches(r#"<a tabindex="-1" href="/logs">"#).count(), out_of_order);
        }
    }
}
