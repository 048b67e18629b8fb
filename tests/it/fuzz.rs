//! Bytes and events that nobody thought of, from a seed. A few hundred in every test run; `make fuzz` goes on for as long
//! as it is told to. What a failure prints is enough to see it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use leadline::contract::events::{
    Budget, CarouselClick, Consent, ConversationNote, Dealership, Event, Lead, Payload, Session, Vehicle,
};
use leadline::stock;
use leadline::transform::{CompileError, Loaded, Stop, Transformer, check};

use crate::guests::{contract, dummy, embed_of, guest};

/// The cases of the normal tests, so that a failure there is one that everybody sees.
const SEED: u64 = 20_261_128;

/// SplitMix64: enough to be surprising, and the same everywhere.
struct Random(u64);

impl Random {
    /// Of one case: independent of how many came before it.
    fn of(seed: u64, case: u64) -> Self {
        Self(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }
}

/// What the bytes of an upload are made from.
struct Seeds {
    good: Vec<Vec<u8>>,
    /// A module in the shape of our world, whose code is replaced.
    shape: Vec<u8>,
}

impl Seeds {
    fn new() -> Self {
        let (_, component) = check(stock::DEFAULT).unwrap();
        let good = vec![component, stock::DEFAULT.to_vec(), stock::DEALS.to_vec(), guest("honest"), guest("shout")];
        Self { good, shape: dummy(&contract(), "transformation") }
    }

    fn upload(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = random.pick(&self.good).clone();
        match random.below(6) {
            0 => bytes.truncate(random.below(bytes.len())),
            1 => {
                for _ in 0..=random.below(8) {
                    let place = random.below(bytes.len());
                    bytes[place] ^= 1 << random.below(8);
                }
            }
            2 => {
                // A part of it once more, somewhere else.
                let (from, length) = (random.below(bytes.len()), random.below(200));
                let part = bytes[from..(from + length).min(bytes.len())].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            3 => {
                let (place, length) = (random.below(bytes.len()), random.below(16));
                let end = (place + length).min(bytes.len());
                let other = random.bytes(end - place);
                bytes[place..end].copy_from_slice(&other);
            }
            4 => bytes = sections(random),
            _ => bytes = embed_of(&self.with_code(random), &contract(), "transformation"),
        }
        bytes
    }

    /// The shape of our world with other instructions, of any proposal, sound or not.
    fn with_code(&self, random: &mut Random) -> Vec<u8> {
        use wasm_encoder::{CodeSection, Function, Module, RawSection};
        let mut module = Module::new();
        for payload in wasmparser::Parser::new(0).parse_all(&self.shape) {
            let payload = payload.unwrap();
            if let wasmparser::Payload::CodeSectionStart { count, .. } = payload {
                let mut code = CodeSection::new();
                for _ in 0..count {
                    let mut body = Function::new([]);
                    body.raw(instructions(random));
                    code.function(&body);
                }
                module.section(&code);
            } else if let Some((id, range)) = payload.as_section() {
                let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                module.section(&RawSection { id, data: &self.shape[range] });
            }
        }
        module.finish()
    }
}

fn instructions(random: &mut Random) -> Vec<u8> {
    let mut code = Vec::new();
    for _ in 0..random.below(40) {
        match random.below(4) {
            // Constants, so that there is something to work with.
            0 => code.extend([0x41, random.byte() & 0x3f]),
            1 => code.extend([*random.pick(&[0x1a, 0x45, 0x6a, 0x6d, 0x00, 0x01, 0x0f])]),
            2 => {
                let prefix = *random.pick(&[0xfb, 0xfc, 0xfd, 0xfe]);
                code.extend([prefix, random.byte() & 0x7f, 0, 0]);
            }
            _ => code.push(random.byte()),
        }
    }
    // Any result there may be, and the end.
    code.extend([0x00, 0x0b]);
    code
}

/// A beginning that is right, and sections of chance.
fn sections(random: &mut Random) -> Vec<u8> {
    let mut bytes = random.pick(&[*b"\0asm\x01\0\0\0", *b"\0asm\x0d\0\x01\0"]).to_vec();
    for _ in 0..=random.below(6) {
        let length = random.below(60);
        bytes.extend([u8::try_from(random.below(14)).unwrap(), u8::try_from(length).unwrap()]);
        bytes.extend(random.bytes(length));
    }
    bytes
}

/// Checks one upload. Gives back what is accepted.
fn upload(seeds: &Seeds, seed: u64, case: u64) -> Option<Vec<u8>> {
    let bytes = seeds.upload(&mut Random::of(seed, case));
    let checked = catch_unwind(AssertUnwindSafe(|| check(&bytes)));
    match checked.unwrap_or_else(|_| panic!("upload {case} of seed {seed} makes the check panic")) {
        Ok(_) => Some(bytes),
        Err(refusal) => {
            assert!(refusal.code().starts_with("upload."), "upload {case} of seed {seed}: {refusal}");
            assert!(!refusal.to_string().contains(char::is_control), "upload {case} of seed {seed}: {refusal:?}");
            None
        }
    }
}

fn text(random: &mut Random) -> String {
    match random.below(9) {
        0 => String::new(),
        1 => "a".repeat(64 * 1024),
        2 => "🚗👩‍👩‍👧‍👦".repeat(random.below(50)),
        3 => "\u{202e}مرحبا \u{200f}שלום".to_owned(),
        4 => "\0\u{1b}[31m\r\n\t<script>".to_owned(),
        5 => format!("{}@example.com", random.below(1000)),
        6 => format!("+1 555 01{:02}", random.below(100)),
        7 => random.next().to_string(),
        _ => String::from_utf8_lossy(&random.bytes(20)).into_owned(),
    }
}

fn time(random: &mut Random) -> i64 {
    *random.pick(&[0, -1, i64::MIN, i64::MAX, 1_795_000_000_000, 253_402_300_800_000])
}

fn vehicle(random: &mut Random) -> Vehicle {
    Vehicle {
        make: random.maybe(text),
        model: random.maybe(text),
        year: random.maybe(|random| *random.pick(&[0, 1, 1899, 2026, u16::MAX])),
        trim: random.maybe(text),
    }
}

fn lead(random: &mut Random) -> Lead {
    let amount = |random: &mut Random| *random.pick(&[0, 1, 25_000, u64::MAX]);
    Lead {
        id: text(random),
        name: random.maybe(text),
        email: random.maybe(text),
        phone: random.maybe(text),
        status: random.maybe(text),
        priority: random.maybe(text),
        origin: random.maybe(text),
        vehicle: random.maybe(vehicle),
        budget: random.maybe(|random| Budget {
            text: random.maybe(text),
            min: random.maybe(amount),
            max: random.maybe(amount),
            currency: random.maybe(text),
        }),
        notes: (0..random.below(4)).map(|_| ConversationNote { at: random.maybe(time), text: text(random) }).collect(),
        dealership: random.maybe(|random| Dealership { name: text(random), slug: text(random) }),
        consent: random.maybe(|random| Consent { text: text(random), at: time(random) }),
    }
}

fn event(random: &mut Random) -> Event {
    let payload = match random.below(6) {
        0 => Payload::CarouselClicked(CarouselClick { session_id: text(random), vehicle: vehicle(random) }),
        1 => Payload::SessionInitiated(Session { id: text(random), page: random.maybe(text) }),
        2 => Payload::Other,
        _ => Payload::LeadCaptured(lead(random)),
    };
    let extra = (0..random.below(5)).map(|_| (text(random), text(random))).collect();
    Event { id: text(random), event_type: text(random), occurred_at: time(random), payload, extra }
}

/// Runs one event. Whatever comes of it is the guest's, and nothing is ours.
fn run(loaded: &Loaded, seed: u64, case: u64) {
    let mut random = Random::of(seed, case);
    let settings = (*random.pick(&["{}", "", "[]", "null", "{\"pipeline\":7}", "\u{202e}"])).to_owned();
    let run = catch_unwind(AssertUnwindSafe(|| loaded.run(&event(&mut random), &settings)));
    let run = run.unwrap_or_else(|_| panic!("event {case} of seed {seed} makes the host panic"));
    match run.actions {
        Ok(_) | Err(Stop::Skip(_) | Stop::Invalid(_)) => {}
        Err(Stop::Failed(failure)) => assert!(failure.code.as_str().starts_with("transform."), "{failure:?}"),
        Err(Stop::Ours(reason)) => panic!("event {case} of seed {seed}: {reason}"),
    }
}

/// What an upload that passed the check may still be: refused by the compiler or while it starts, or run.
fn run_upload(transformer: &Transformer, bytes: &[u8], seed: u64, case: u64) {
    match transformer.compile(bytes) {
        Ok(loaded) => (0..3).for_each(|event| run(&loaded, seed, case + event)),
        Err(CompileError::Refused(refusal)) => assert!(refusal.code().starts_with("upload.")),
        Err(CompileError::Ours(reason)) => panic!("upload {case} of seed {seed}: {reason}"),
    }
}

#[test]
fn no_upload_makes_the_check_panic() {
    let seeds = Seeds::new();
    let accepted = (0..100).filter(|case| upload(&seeds, SEED, *case).is_some()).count();
    assert!((1..100).contains(&accepted), "{accepted} of 100 were accepted: they are all alike");
}

#[test]
fn every_event_of_the_contract_comes_to_an_outcome() {
    let (transformer, seeds) = (Transformer::new().unwrap(), Seeds::new());
    for bytes in [stock::DEFAULT, stock::DEALS] {
        let loaded = transformer.compile(bytes).unwrap();
        (0..30).for_each(|case| run(&loaded, SEED, case));
    }
    let accepted = (0..100).filter_map(|case| Some((case, upload(&seeds, SEED, case)?)));
    accepted.take(2).for_each(|(case, bytes)| run_upload(&transformer, &bytes, SEED, case));
}

/// Of the environment, else the usual.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

#[test]
#[ignore = "goes on for FUZZ_SECONDS; `make fuzz` runs it"]
#[expect(clippy::print_stderr, reason = "the seed and the figures are for the person who started it")]
fn for_as_long_as_it_is_told() {
    let (seed, seconds) = (number("FUZZ_SEED", SEED), number("FUZZ_SECONDS", 60));
    eprintln!("FUZZ_SEED={seed} FUZZ_SECONDS={seconds}");
    let (transformer, seeds) = (Transformer::new().unwrap(), Seeds::new());
    let stock = [stock::DEFAULT, stock::DEALS].map(|bytes| transformer.compile(bytes).unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut case, mut accepted) = (0, 0);
    while Instant::now() < end {
        if let Some(bytes) = upload(&seeds, seed, case) {
            accepted += 1;
            run_upload(&transformer, &bytes, seed, case);
        }
        stock.iter().for_each(|loaded| run(loaded, seed, case));
        case += 1;
    }
    eprintln!(
        "{case} uploads, of which {accepted} passed the check and were run, and {} events",
        2 * case + 3 * accepted
    );
}
