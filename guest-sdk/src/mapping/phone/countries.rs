//! The numbering plans that we know well enough to be certain.
//!
//! A country that is missing here loses nothing: its numbers are written as typed.

use std::ops::RangeInclusive;

/// One country's numbering plan.
pub(super) struct Country {
    /// ISO 3166, two letters.
    pub(super) iso: &'static str,
    /// Calling code, without the plus sign.
    pub(super) code: &'static str,
    /// What is dialled before a national number.
    pub(super) trunk: Trunk,
    /// What is dialled before the calling code of another country. Empty where a carrier's code
    /// stands in between and a number cannot be read with certainty.
    pub(super) exits: &'static [&'static str],
    /// How many digits a national number has, without its trunk prefix.
    digits: RangeInclusive<usize>,
    /// What a national number may begin with.
    first: &'static str,
}

/// Whether a trunk prefix belongs before a national number.
pub(super) enum Trunk {
    None,
    /// Without it the area code may be missing too.
    Required(&'static str),
    /// A number of full length is complete without it.
    Optional(&'static str),
}

use Trunk::{None, Optional, Required};

/// `00` leaves most countries, and none of them has numbers that begin with it.
const USUAL: &[&str] = &["00"];
/// North America dials 011; people who copied a number from abroad type 00.
const NORTH_AMERICA: &[&str] = &["011", "00"];
const CARRIER: &[&str] = &[];

pub(super) static COUNTRIES: [Country; 30] = [
    country("US", "1", Optional("1"), NORTH_AMERICA, 10..=10, "23456789"),
    country("CA", "1", Optional("1"), NORTH_AMERICA, 10..=10, "23456789"),
    country("MX", "52", None, USUAL, 10..=10, "23456789"),
    country("GB", "44", Required("0"), USUAL, 9..=10, "123578"),
    country("IE", "353", Required("0"), USUAL, 7..=9, "124567899"),
    country("DE", "49", Required("0"), USUAL, 7..=11, "123456789"),
    country("AT", "43", Required("0"), USUAL, 7..=12, "123456789"),
    country("CH", "41", Required("0"), USUAL, 9..=9, "23456789"),
    country("FR", "33", Required("0"), USUAL, 9..=9, "123456789"),
    country("BE", "32", Required("0"), USUAL, 8..=9, "123456789"),
    country("NL", "31", Required("0"), USUAL, 9..=9, "12345678"),
    country("LU", "352", None, USUAL, 6..=9, "23456789"),
    country("ES", "34", None, USUAL, 9..=9, "6789"),
    country("PT", "351", None, USUAL, 9..=9, "23789"),
    country("IT", "39", None, USUAL, 8..=11, "03"),
    country("DK", "45", None, USUAL, 8..=8, "23456789"),
    country("SE", "46", Required("0"), USUAL, 7..=9, "123456789"),
    country("NO", "47", None, USUAL, 8..=8, "23456789"),
    country("FI", "358", Required("0"), USUAL, 6..=11, "123456789"),
    country("PL", "48", None, USUAL, 9..=9, "12345678"),
    country("CZ", "420", None, USUAL, 9..=9, "23456789"),
    country("AU", "61", Required("0"), &["0011"], 9..=9, "234578"),
    country("NZ", "64", Required("0"), USUAL, 8..=10, "2345679"),
    country("JP", "81", Required("0"), &["010"], 9..=10, "123456789"),
    country("KR", "82", Required("0"), CARRIER, 8..=10, "123456789"),
    country("IN", "91", Optional("0"), USUAL, 10..=10, "6789"),
    country("ZA", "27", Required("0"), USUAL, 9..=9, "1234568"),
    country("BR", "55", None, CARRIER, 10..=11, "123456789"),
    country("AE", "971", Required("0"), USUAL, 8..=9, "2345679"),
    country("SA", "966", Required("0"), USUAL, 9..=9, "159"),
];

const fn country(
    iso: &'static str,
    code: &'static str,
    trunk: Trunk,
    exits: &'static [&'static str],
    digits: RangeInclusive<usize>,
    first: &'static str,
) -> Country {
    Country { iso, code, trunk, exits, digits, first }
}

impl Country {
    /// Whether the country has such a national number, as far as its plan can tell.
    pub(super) fn has(&self, number: &str) -> bool {
        self.digits.contains(&number.len())
            && number.bytes().next().is_some_and(|first| self.first.as_bytes().contains(&first))
            && match self.code {
                "1" => is_north_american(number.as_bytes()),
                // Mobile numbers have nine digits after the area code and begin with 9.
                "55" => number.len() == 10 || number.as_bytes().get(2) == Some(&b'9'),
                _ => true,
            }
    }
}

/// Area code and exchange begin with 2 to 9, and neither is a service code such as 911.
fn is_north_american(number: &[u8]) -> bool {
    let fits = |code: &[u8; 3]| code[0] >= b'2' && code[1..] != *b"11";
    let [a, b, c, d, e, f, ..] = *number else {
        return false;
    };
    fits(&[a, b, c]) && fits(&[d, e, f])
}
