//! Reads JSON. Settings are read at every run and hold little: a general parser would take a tenth of
//! a component, and more fuel than the lead.

use std::ops::Range;

use super::document::{Document, Node, Value};

/// The document that `json` is, or `None` if it is not JSON.
pub(super) fn read(json: &str) -> Option<Document> {
    let mut reader = Reader { json, at: 0, texts: String::with_capacity(json.len()) };
    let nodes = reader.nodes()?;
    reader.skip_space();
    (reader.at == json.len()).then_some(Document { texts: reader.texts, nodes })
}

struct Reader<'a> {
    json: &'a str,
    at: usize,
    texts: String,
}

impl Reader<'_> {
    /// One value and all that is in it.
    fn nodes(&mut self) -> Option<Vec<Node>> {
        let mut nodes = Vec::with_capacity(16);
        let mut brackets = Vec::new(); // that are still to come
        loop {
            let name = if brackets.last() == Some(&b'}') { self.name()? } else { 0..0 };
            let value = self.value()?;
            let bracket = match value {
                Value::List => b']',
                Value::Object => b'}',
                Value::Text(_) | Value::Number(_) | Value::Null | Value::Other => 0,
            };
            nodes.push(Node { depth: brackets.len(), name, value });
            if bracket != 0 {
                brackets.push(bracket);
                if !self.takes_next(bracket) {
                    continue;
                }
                brackets.pop();
            }
            while !brackets.is_empty() && !self.takes_next(b',') {
                let bracket = brackets.pop()?;
                self.takes_next(bracket).then_some(())?;
            }
            if brackets.is_empty() {
                return Some(nodes);
            }
        }
    }

    fn name(&mut self) -> Option<Range<usize>> {
        self.takes_next(b'"').then_some(())?;
        let name = self.text()?;
        self.takes_next(b':').then_some(name)
    }

    /// A text, a number or a word, or the bracket that opens a list or an object.
    fn value(&mut self) -> Option<Value> {
        self.skip_space();
        let start = self.at;
        match self.next()? {
            b'"' => self.text().map(Value::Text),
            b'[' => Some(Value::List),
            b'{' => Some(Value::Object),
            b'-' | b'0'..=b'9' => {
                self.skip(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
                number(self.json.get(start..self.at)?)
            }
            _ => {
                self.skip(|byte| byte.is_ascii_lowercase());
                word(self.json.get(start..self.at)?)
            }
        }
    }

    /// What stands before the closing quote, without its escapes.
    fn text(&mut self) -> Option<Range<usize>> {
        let start = self.texts.len();
        loop {
            let rest = self.json.get(self.at..)?;
            let end = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')?;
            self.texts.push_str(rest.get(..end)?);
            self.at += end;
            match self.next()? {
                b'"' => return Some(start..self.texts.len()),
                b'\\' => {
                    let char = self.escaped()?;
                    self.texts.push(char);
                }
                _ => return None, // a control character
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                if !(0xd800..0xdc00).contains(&unit) {
                    return char::from_u32(unit);
                }
                // A character outside the first 65,536 is written as two halves.
                let second = if self.next()? == b'\\' && self.next()? == b'u' { self.unit()? } else { return None };
                if !(0xdc00..0xe000).contains(&second) {
                    return None;
                }
                char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (second - 0xdc00))?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }

    /// Whether this is what comes next, apart from white space. If so, it is behind us then.
    fn takes_next(&mut self, wanted: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn skip(&mut self, which: impl Fn(u8) -> bool) {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|&&byte| which(byte)).count();
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }
}

fn word(word: &str) -> Option<Value> {
    match word {
        "null" => Some(Value::Null),
        "true" | "false" => Some(Value::Other),
        _ => None,
    }
}

/// No setting needs a fraction, so one only has to be well-formed.
fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || !digits(exponent) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    Some(if whole.len() == text.len() { text.parse().map_or(Value::Other, Value::Number) } else { Value::Other })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Option<String> {
        read(json).map(|document| document.texts)
    }

    #[test]
    fn a_text_loses_its_escapes() {
        for (json, expected) in [
            (r#""""#, Some("")),
            (r#""Škoda – 王""#, Some("Škoda – 王")),
            (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r#""a\u00e9\ud83d\ude97z""#, Some("aé🚗z")),
            (r#""\ud83d""#, None),
            (r#""\ud83dx""#, None),
            (r#""\ude97""#, None),
            (r#""\u00g0""#, None),
            (r#""\x""#, None),
            ("\"\n\"", None),
            ("\"", None),
        ] {
            assert_eq!(texts(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn only_a_number_without_sign_and_fraction_counts() {
        for (json, expected) in [
            ("0", Some(Some(0))),
            (" 30 ", Some(Some(30))),
            ("18446744073709551615", Some(Some(u64::MAX))),
            ("18446744073709551616", Some(None)),
            ("-1", Some(None)),
            ("1.5", Some(None)),
            ("1e3", Some(None)),
            ("-1.5E-3", Some(None)),
            ("01", None),
            ("1.", None),
            (".5", None),
            ("1e", None),
            ("+1", None),
            ("-", None),
            ("1-2", None),
        ] {
            let number = read(json).map(|document| match document.nodes.first().map(|node| &node.value) {
                Some(Value::Number(number)) => Some(*number),
                _ => None,
            });
            assert_eq!(number, expected, "{json}");
        }
    }

    #[test]
    fn brackets_and_commas_have_to_fit() {
        for (json, fits) in [
            (r#" { "a" : [ 1 , { } , [ ] , null , true , false ] , "b" : { "c" : [ [ ] ] } } "#, true),
            ("[[[[]]]]", true),
            ("[1,]", false),
            ("[,1]", false),
            ("[1 2]", false),
            (r#"{"a":1,}"#, false),
            (r#"{"a"}"#, false),
            (r#"{"a":}"#, false),
            ("{1:1}", false),
            ("[}", false),
            ("{]", false),
            ("[1", false),
            ("]", false),
            ("nul", false),
            ("", false),
            ("1 1", false),
        ] {
            assert_eq!(read(json).is_some(), fits, "{json}");
        }
        assert!(read(&"[".repeat(10_000)).is_none());
    }
}
