//! Standard Webhooks signatures, exactly: who sent these bytes, and when.
//! Official libraries disagree on malformed input, so this is strict, and its table of vectors says how.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use crate::model::time::Timestamp;

/// A header longer than this, or with more tokens, is no honest signature list.
pub const HEADER_BYTES_MAX: usize = 4096;
/// Room for several secrets in rotation and several versions.
pub const SIGNATURE_TOKENS_MAX: usize = 16;
/// An id of a message, the sender's own.
pub const ID_BYTES_MAX: usize = 256;
/// Seconds since 1970 need ten digits until the year 2286.
const TIMESTAMP_DIGITS_MAX: usize = 12;
/// What an imported secret may hold, in bytes: the specification says 24 to 64, one large sender makes up to 75.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=75;
/// What our own secrets hold.
const OWN_SECRET_BYTES: usize = 32;

/// The two families of header names. One full set counts; they are never mixed.
pub const HEADER_SETS: [[&str; 3]; 2] =
    [["webhook-id", "webhook-timestamp", "webhook-signature"], ["svix-id", "svix-timestamp", "svix-signature"]];

/// A signing secret. Does not print.
pub struct Secret(SecretBox<Vec<u8>>);

/// Why a text is no signing secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a signing secret starts with `whsec_`")]
    Prefix,
    #[error("what follows `whsec_` is not padded standard base64")]
    Base64,
    #[error("a signing secret holds 24 to 75 bytes, not {0}")]
    Length(usize),
}

impl Secret {
    /// Reads `whsec_` and padded base64 of 24 to 75 bytes.
    ///
    /// # Errors
    /// Says what the text lacks, never the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix("whsec_").ok_or(SecretError::Prefix)?;
        let bytes = BASE64.decode(encoded).map_err(|_| SecretError::Base64)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(SecretError::Length(bytes.len()));
        }
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    /// A new secret, as the text that its owner is shown once.
    pub fn generate() -> String {
        let mut bytes = [0_u8; OWN_SECRET_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        format!("whsec_{}", BASE64.encode(bytes))
    }

    /// The `v1,…` token over `id`, `timestamp` and `body`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let tag = self.mac(id, &timestamp.to_string(), body).finalize().into_bytes();
        format!("v1,{}", BASE64.encode(tag))
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// The three headers of a signed request, well formed. Nothing is proven yet.
#[derive(Debug)]
pub struct Signed<'a> {
    /// The sender's id of the event, the same on every redelivery.
    pub id: &'a str,
    timestamp: &'a str,
    tags: Vec<[u8; 32]>,
}

/// Why a request is not believed. The text is for whoever built the sender.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("header `{0}` is missing; a signed request has `webhook-id`, `webhook-timestamp` and `webhook-signature`")]
    Missing(&'static str),
    #[error("header `{0}` is there twice")]
    Repeated(&'static str),
    #[error("header `{header}` is malformed: {reason}")]
    Malformed { header: &'static str, reason: &'static str },
    #[error(
        "the signature does not match any secret of this source; sign `id.timestamp.body` over the exact bytes sent"
    )]
    Mismatch,
    #[error("the request was signed {} s {}; at most {tolerance_s} s are accepted", skew_s.abs(), if *skew_s < 0 { "ago" } else { "ahead of our clock" })]
    Stale { skew_s: i64, tolerance_s: i64 },
}

/// The classes of requests whose signature did not hold, though it could be read.
pub const UNVERIFIED: [&str; 2] = ["forged", "stale"];

impl SignatureError {
    /// The stable word for the class, in answers, lists and metrics.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Repeated(_) | Self::Malformed { .. } => "malformed",
            Self::Mismatch => "forged",
            Self::Stale { .. } => "stale",
        }
    }
}

/// Reads the headers of one full set; `header` gives every value of a name.
///
/// # Errors
/// [`SignatureError`] of class `malformed`.
pub fn read<'a, I>(header: impl Fn(&'static str) -> I) -> Result<Signed<'a>, SignatureError>
where
    I: Iterator<Item = &'a [u8]>,
{
    let full = |set: &[&'static str; 3]| set.iter().all(|name| header(name).next().is_some());
    let names = HEADER_SETS.iter().find(|set| full(set)).unwrap_or(&HEADER_SETS[0]);
    let one = |name: &'static str| {
        let mut values = header(name);
        let value = values.next().ok_or(SignatureError::Missing(name))?;
        if values.next().is_some() {
            return Err(SignatureError::Repeated(name));
        }
        let malformed = |reason| SignatureError::Malformed { header: name, reason };
        if value.len() > HEADER_BYTES_MAX {
            return Err(malformed("it is longer than 4096 bytes"));
        }
        std::str::from_utf8(value).map_err(|_| malformed("it is not text"))
    };
    let (id, timestamp, list) = (one(names[0])?, one(names[1])?, one(names[2])?);
    check_id(id).map_err(|reason| SignatureError::Malformed { header: names[0], reason })?;
    check_timestamp(timestamp).map_err(|reason| SignatureError::Malformed { header: names[1], reason })?;
    let tags = read_tags(list).map_err(|reason| SignatureError::Malformed { header: names[2], reason })?;
    Ok(Signed { id, timestamp, tags })
}

/// Which of `secrets` signed `body`, within `tolerance_s` seconds of `now` either way.
/// A right signature that is out of time is [`SignatureError::Stale`], not a mismatch.
///
/// # Errors
/// When no secret matches, or the time is off.
pub fn verify(
    signed: &Signed<'_>,
    body: &[u8],
    secrets: &[Secret],
    tolerance_s: i64,
    now: Timestamp,
) -> Result<usize, SignatureError> {
    let matching = secrets.iter().position(|secret| {
        let mac = secret.mac(signed.id, signed.timestamp, body);
        signed.tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok())
    });
    let matching = matching.ok_or(SignatureError::Mismatch)?;
    let at: i64 = signed.timestamp.parse().expect("read only lets twelve digits through");
    let skew_s = at - now.seconds();
    if skew_s.abs() > tolerance_s {
        return Err(SignatureError::Stale { skew_s, tolerance_s });
    }
    Ok(matching)
}

fn check_id(id: &str) -> Result<(), &'static str> {
    match id {
        "" => Err("it is empty"),
        _ if id.len() > ID_BYTES_MAX => Err("it is longer than 256 bytes"),
        _ if id.contains('.') => Err("it contains a dot, which separates the signed parts"),
        _ if !id.bytes().all(|byte| byte.is_ascii_graphic()) => Err("it is not printable ASCII"),
        _ => Ok(()),
    }
}

fn check_timestamp(timestamp: &str) -> Result<(), &'static str> {
    let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    if timestamp.is_empty() || timestamp.len() > TIMESTAMP_DIGITS_MAX || !digits {
        return Err("it is not a whole number of seconds since 1970");
    }
    Ok(())
}

/// The `v1` tokens of the list. Tokens of other versions, and broken ones, are skipped: any match is enough.
fn read_tags(list: &str) -> Result<Vec<[u8; 32]>, &'static str> {
    if list.split(' ').count() > SIGNATURE_TOKENS_MAX {
        return Err("it lists more than 16 signatures");
    }
    let v1 = list.split(' ').filter_map(|token| token.strip_prefix("v1,"));
    Ok(v1.filter_map(|encoded| BASE64.decode(encoded).ok()?.try_into().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const B: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const LEAD: &[u8] =
        br#"{"type":"lead.captured.v1","timestamp":"2026-01-01T00:00:00Z","data":{"email":"a@example.com"}}"#;
    const AT: i64 = 1_767_225_600;

    fn check(headers: &[(&str, &str)], body: &[u8], secrets: &[&str], now_s: i64) -> Result<usize, SignatureError> {
        let values =
            |name: &'static str| headers.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value.as_bytes());
        let signed = read(values)?;
        let secrets: Vec<_> = secrets.iter().map(|text| Secret::parse(text).unwrap()).collect();
        verify(&signed, body, &secrets, 300, Timestamp(now_s * 1000))
    }

    fn webhook<'a>(id: &'a str, at: &'a str, signature: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)]
    }

    #[test]
    fn known_signatures_match() {
        // The first two are published by the makers of the specification; the others were recomputed with foreign code.
        let official =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let rows: [(&str, &str, &str, &[u8], &str); 7] = [
            (A, official.0, official.1, br#"{"test": 2432232314}"#, official.2),
            (
                B,
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                "1649367553",
                br#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
            (A, "msg_lead0001", "1767225600", LEAD, "v1,pm8pjuHfP4Qc/j7W/OVpo3tayylxWFaSLjgMs4aEXF4="),
            (B, "msg_lead0001", "1767225600", LEAD, "v1,Lw2Oj/bvoWY8ho+xckgi9lnjOmDE7iHLjzd54S5aXiI="),
            (
                A,
                "msg_lead0002",
                "1767225600",
                "{\"name\":\"Zoë 🚗\"}".as_bytes(),
                "v1,zUxSWoTRcfi1eizTfUAbrnFw1njvP+1VovW6GVNUN2k=",
            ),
            (A, "msg_lead0003", "1767225600", b"", "v1,CZeIV8iCSwyBvRmD/8OcGZ4imTgIeUTTRGirboD9yDE="),
            (A, "msg_lead0004", "1767225600", b"\xff\xfe{}", "v1,6R/RANAFx5kCTznNK6UlWh5gQfTMyAldXyqsw1E7V3A="),
        ];
        for (secret, id, at, body, signature) in rows {
            let now = at.parse().unwrap();
            assert_eq!(check(&webhook(id, at, signature), body, &[secret], now), Ok(0), "{id}");
            assert_eq!(Secret::parse(secret).unwrap().sign(id, now, body), signature, "{id}");
        }
    }

    #[test]
    fn any_live_secret_and_any_token_is_enough() {
        let a = "v1,pm8pjuHfP4Qc/j7W/OVpo3tayylxWFaSLjgMs4aEXF4=";
        let b = "v1,Lw2Oj/bvoWY8ho+xckgi9lnjOmDE7iHLjzd54S5aXiI=";
        let wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
        let foreign = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
        let rows = [
            (format!("{a} {b}"), vec![A], Ok(0)),
            (format!("{a} {b}"), vec![B], Ok(0)),
            (b.to_owned(), vec![A, B], Ok(1)),
            (format!("{wrong} {wrong} {wrong} {a}"), vec![A], Ok(0)),
            (format!("{foreign} {a}"), vec![A], Ok(0)),
            (format!("v1 {a}"), vec![A], Ok(0)),
            (format!("v1,AAAA,{a} {a}"), vec![A], Ok(0)),
            (foreign.to_owned(), vec![A], Err(SignatureError::Mismatch)),
            (wrong.to_owned(), vec![A, B], Err(SignatureError::Mismatch)),
            (a.replace('=', ""), vec![A], Err(SignatureError::Mismatch)),
            (a.to_owned(), vec![], Err(SignatureError::Mismatch)),
        ];
        for (list, secrets, expected) in rows {
            let headers = webhook("msg_lead0001", "1767225600", &list);
            assert_eq!(check(&headers, LEAD, &secrets, AT), expected, "{list}");
        }
    }

    #[test]
    fn tolerance_is_inclusive_both_ways() {
        let signature = "v1,pm8pjuHfP4Qc/j7W/OVpo3tayylxWFaSLjgMs4aEXF4=";
        let headers = webhook("msg_lead0001", "1767225600", signature);
        for (now, skew_s) in [(AT + 300, None), (AT - 300, None), (AT + 301, Some(-301)), (AT - 301, Some(301))] {
            let expected = skew_s.map_or(Ok(0), |skew_s| Err(SignatureError::Stale { skew_s, tolerance_s: 300 }));
            assert_eq!(check(&headers, LEAD, &[A], now), expected, "{now}");
        }
        assert_eq!(check(&headers, LEAD, &[B], AT + 301), Err(SignatureError::Mismatch), "old and forged is forged");
    }

    #[test]
    fn malformed_headers_are_named() {
        let good = "v1,pm8pjuHfP4Qc/j7W/OVpo3tayylxWFaSLjgMs4aEXF4=";
        let long = "a".repeat(257);
        let many = vec![good; 17].join(" ");
        let huge = "v".repeat(4097);
        let rows: Vec<(Vec<(&str, &str)>, &str)> = vec![
            (vec![], "webhook-id"),
            (vec![("webhook-id", "a"), ("svix-timestamp", "1"), ("svix-signature", good)], "webhook-timestamp"),
            (webhook("", "1767225600", good), "webhook-id"),
            (webhook("a.b", "1767225600", good), "webhook-id"),
            (webhook("a b", "1767225600", good), "webhook-id"),
            (webhook("é", "1767225600", good), "webhook-id"),
            (webhook(&long, "1767225600", good), "webhook-id"),
            (webhook("a", "", good), "webhook-timestamp"),
            (webhook("a", "123.7", good), "webhook-timestamp"),
            (webhook("a", " 123 ", good), "webhook-timestamp"),
            (webhook("a", "123e0", good), "webhook-timestamp"),
            (webhook("a", "123abc", good), "webhook-timestamp"),
            (webhook("a", "+5", good), "webhook-timestamp"),
            (webhook("a", "-5", good), "webhook-timestamp"),
            (webhook("a", "1234567890123", good), "webhook-timestamp"),
            (webhook("a", "1767225600", &many), "webhook-signature"),
            (webhook("a", "1767225600", &huge), "webhook-signature"),
            ([webhook("a", "1", good), vec![("webhook-id", "b")]].concat(), "webhook-id"),
        ];
        for (headers, named) in rows {
            let error = check(&headers, LEAD, &[A], AT).unwrap_err();
            assert_eq!(error.class(), "malformed", "{error}");
            assert!(error.to_string().contains(named), "{error} does not name {named}");
        }
    }

    #[test]
    fn svix_headers_count_when_no_full_webhook_set_is_there() {
        let good = "v1,pm8pjuHfP4Qc/j7W/OVpo3tayylxWFaSLjgMs4aEXF4=";
        let svix = vec![("svix-id", "msg_lead0001"), ("svix-timestamp", "1767225600"), ("svix-signature", good)];
        assert_eq!(check(&svix, LEAD, &[A], AT), Ok(0));
        let both = [svix, webhook("msg_lead0001", "1767225600", "v1,")].concat();
        assert_eq!(check(&both, LEAD, &[A], AT), Err(SignatureError::Mismatch), "`webhook-*` counts");
    }

    #[test]
    fn only_whole_secrets_are_taken() {
        let rows = [
            ("", SecretError::Prefix),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("whsec_", SecretError::Length(0)),
            ("whsec_AAAA", SecretError::Length(3)),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA", SecretError::Base64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", SecretError::Base64),
        ];
        for (text, expected) in rows {
            assert_eq!(Secret::parse(text).err(), Some(expected), "{text}");
        }
        assert!(Secret::parse(&Secret::generate()).is_ok());
    }
}
