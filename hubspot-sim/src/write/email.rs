//! Which texts HubSpot takes for e-mail addresses.

/// Top-level domains that are set aside, so that no mail can ever go there.
const RESERVED: [&str; 5] = ["invalid", "test", "localhost", "local", "example"];

/// Lengths from the standards of mail and names.
const ADDRESS_MAX: usize = 254;
const LOCAL_MAX: usize = 64;
const LABEL_MAX: usize = 63;

/// Is this an address, and of a domain that is not refused?
pub(crate) fn is_valid(address: &str, refused_domains: &[String]) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    address.len() <= ADDRESS_MAX
        && local_is_valid(local)
        && domain_is_valid(domain)
        && !is_refused(domain, refused_domains)
}

fn local_is_valid(local: &str) -> bool {
    let is_atom = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte))
    };
    local.len() <= LOCAL_MAX && local.split('.').all(is_atom)
}

fn domain_is_valid(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit_once('.').map(|(_, top)| top.to_ascii_lowercase());
    domain.split('.').all(is_label) && top.is_some_and(|top| top_is_real(&top))
}

fn top_is_real(top: &str) -> bool {
    let is_word = (2..=24).contains(&top.len()) && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_word || top.starts_with("xn--")) && !RESERVED.contains(&top)
}

/// A refused domain takes its subdomains with it.
fn is_refused(domain: &str, refused: &[String]) -> bool {
    let domain = domain.to_ascii_lowercase();
    let is_within = |refused: &String| {
        domain.strip_suffix(refused.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    refused.iter().any(is_within)
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn addresses_are_judged() {
        for (address, valid) in [
            ("maya.lind@example.com", true),
            ("maya+chat@mail.example.com", true),
            ("o'hara@example.co.uk", true),
            ("maya@xn--bcher-kva.example.org", true),
            ("maya@autohaus.xn--p1ai", true),
            ("maya@lind", false),
            ("maya@lind.test", false),
            ("maya@lind.invalid", false),
            ("maya@localhost", false),
            ("maya@lind.c", false),
            ("maya@lind.123", false),
            (".maya@example.com", false),
            ("maya..lind@example.com", false),
            ("maya lind@example.com", false),
            ("maya@-lind.com", false),
            ("maya@lind..com", false),
            ("@example.com", false),
            ("maya", false),
            ("mäya@example.com", false),
            ("maya@mail.blocked.com", false),
            ("maya@notblocked.com", true),
        ] {
            assert_eq!(is_valid(address, &["blocked.com".to_owned()]), valid, "{address}");
        }
    }
}
