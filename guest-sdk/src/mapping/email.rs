//! An e-mail address, as far as syntax can tell whether HubSpot would take it.
//!
//! A refused address fails the whole contact there, so whatever it surely refuses is caught here:
//! the lead goes through, and the address stays readable in the note.

use super::text;

/// Longest address and longest local part that mail servers exchange (RFC 5321).
const ADDRESS_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;

/// Longest part between two dots of a domain (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;

/// Top-level domains that nobody can ever receive mail under (RFC 2606, RFC 6762, ICANN 2024).
/// `example.com` is not among them: it is a domain like others, and all samples use it.
const RESERVED: [&str; 6] = ["example", "internal", "invalid", "local", "localhost", "test"];

/// The address, trimmed and in lower case, or why it cannot be one: half a sentence about "it".
/// Tags after a plus sign stay, because they are part of the address.
pub fn check(typed: &str) -> Result<String, &'static str> {
    let address = typed.trim_ascii();
    if address.is_empty() {
        return Err("it is empty");
    }
    if !address.is_ascii() {
        return Err("it has letters outside A to Z");
    }
    if address.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
        return Err("it has a space in it");
    }
    if address.len() > ADDRESS_BYTES_MAX {
        return Err("it is longer than 254 characters");
    }
    let (local, domain) = text::split_once(address, b'@').ok_or("it has no @")?;
    if domain.bytes().any(|byte| byte == b'@') {
        return Err("it has more than one @");
    }
    check_local(local)?;
    check_domain(domain)?;
    Ok(address.to_ascii_lowercase())
}

fn check_local(local: &str) -> Result<(), &'static str> {
    if local.is_empty() {
        return Err("it has nothing before the @");
    }
    if local.len() > LOCAL_BYTES_MAX {
        return Err("it has more than 64 characters before the @");
    }
    if local.as_bytes().split(|&byte| byte == b'.').any(<[u8]>::is_empty) {
        return Err("it has a dot too many before the @");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    if !local.bytes().all(allowed) {
        return Err("it has a character before the @ that an address cannot have");
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    let (_, top) = text::rsplit_once(domain, b'.').ok_or("it has no dot after the @")?;
    for label in domain.as_bytes().split(|&byte| byte == b'.') {
        if label.is_empty() {
            return Err("it has a dot too many after the @");
        }
        if label.len() > LABEL_BYTES_MAX {
            return Err("a part of its domain is longer than 63 characters");
        }
        if !label.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("it has a character after the @ that a domain cannot have");
        }
        if label.starts_with(b"-") || label.ends_with(b"-") {
            return Err("a part of its domain begins or ends with a hyphen");
        }
    }
    let letters = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    let international = top.len() > 4 && top.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    if !letters && !international {
        return Err("its top-level domain does not exist");
    }
    if text::one_of(&RESERVED, top).is_some() {
        return Err("its top-level domain is reserved and takes no mail");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_trimmed_and_lower_case() {
        for (typed, expected) in [
            ("maya.lind@example.com", "maya.lind@example.com"),
            (" Maya.Lind+Cars@Example.COM \n", "maya.lind+cars@example.com"),
            ("o'neil@example.co.uk", "o'neil@example.co.uk"),
            ("a@b.museum", "a@b.museum"),
            ("me@xn--mnchen-3ya.xn--p1ai", "me@xn--mnchen-3ya.xn--p1ai"),
            ("1@2.io", "1@2.io"),
        ] {
            assert_eq!(check(typed).as_deref(), Ok(expected), "{typed:?}");
        }
    }

    #[test]
    fn what_hubspot_would_refuse_is_refused_with_a_reason() {
        for (typed, reason) in [
            ("", "it is empty"),
            ("  ", "it is empty"),
            ("jürgen@example.com", "it has letters outside A to Z"),
            ("maya@münchen.de", "it has letters outside A to Z"),
            ("maya lind@example.com", "it has a space in it"),
            ("Maya <maya@example.com>", "it has a space in it"),
            ("maya.example.com", "it has no @"),
            ("maya@@example.com", "it has more than one @"),
            ("maya@lind@example.com", "it has more than one @"),
            ("@example.com", "it has nothing before the @"),
            ("maya..lind@example.com", "it has a dot too many before the @"),
            (".maya@example.com", "it has a dot too many before the @"),
            ("maya.@example.com", "it has a dot too many before the @"),
            ("maya,lind@example.com", "it has a character before the @ that an address cannot have"),
            ("\"maya\"@example.com", "it has a character before the @ that an address cannot have"),
            ("maya@lind", "it has no dot after the @"),
            ("maya@", "it has no dot after the @"),
            ("maya@example..com", "it has a dot too many after the @"),
            ("maya@example.com.", "it has a dot too many after the @"),
            ("maya@.com", "it has a dot too many after the @"),
            ("maya@exa_mple.com", "it has a character after the @ that a domain cannot have"),
            ("maya@-example.com", "a part of its domain begins or ends with a hyphen"),
            ("maya@example.c", "its top-level domain does not exist"),
            ("maya@example.c0m", "its top-level domain does not exist"),
            ("maya@127.0.0.1", "its top-level domain does not exist"),
            ("maya@shop.INVALID", "its top-level domain is reserved and takes no mail"),
            ("maya@home.local", "its top-level domain is reserved and takes no mail"),
        ] {
            assert_eq!(check(typed), Err(reason), "{typed:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        let local = |bytes| format!("{}@example.com", "a".repeat(bytes));
        assert!(check(&local(64)).is_ok());
        assert_eq!(check(&local(65)), Err("it has more than 64 characters before the @"));
        let label = |bytes| format!("a@{}.com", "b".repeat(bytes));
        assert!(check(&label(63)).is_ok());
        assert_eq!(check(&label(64)), Err("a part of its domain is longer than 63 characters"));
        let long = format!("a@{}com", "bbbbbbbbb.".repeat(25));
        assert_eq!(check(&long), Err("it is longer than 254 characters"));
    }
}
