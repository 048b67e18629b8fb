//! `sandbox`: the default transformation on one lead, each run in a fresh sandbox, beside the same mapping as native Rust,
//! and beside what people would use instead; and the guests of `examples/guests`, one a toolchain, beside each other.

use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use guest_sdk::Transformation as _;
use leadline::contract::events::{Event, Payload};
use leadline::examples;
use leadline::payload::Envelope;
use leadline::schema::Settings;
use leadline::stock;
use leadline::transform::{Loaded, Transformer};

use crate::figure::Figure;
use crate::rivals::Rival;

const RUNS: usize = 9;
const EVENTS: u32 = 2_000;
const WARM_UP: u32 = 500;
/// They are slower.
const RIVAL_EVENTS: u32 = 400;

pub(crate) fn run() -> anyhow::Result<Vec<Figure>> {
    let PlainLead { body, event, settings } = PlainLead::read()?;

    let loaded = Transformer::new()?.compile(stock::DEFAULT)?;
    let first = loaded.run(&event, &settings);
    anyhow::ensure!(first.actions.is_ok(), "the default transformation fails: {:?}", first.actions);
    let native = native_event(&event)?;
    let sandboxed = || drop(black_box(loaded.run(black_box(&event), &settings)));
    let directly =
        || drop(black_box(guest_default::DefaultTransformation::transform(black_box(native.clone()), &settings)));
    micros(sandboxed, WARM_UP);
    micros(directly, WARM_UP);
    let rivals = Rival::all();
    if rivals.is_empty() {
        writeln!(std::io::stderr(), "sandbox: `make rivals` builds what people would use instead; it is left out")?;
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &body)?;
    let (mut fresh, mut plain, mut others) = (Vec::new(), Vec::new(), vec![Vec::new(); rivals.len()]);
    for _ in 0..RUNS {
        fresh.push(micros(sandboxed, EVENTS));
        plain.push(micros(directly, EVENTS));
        for (rival, other) in rivals.iter().zip(&mut others) {
            other.push(rival.micros(file.path(), RIVAL_EVENTS)?);
        }
    }
    let mut figures = vec![
        Figure::of("sandbox", "an event in a fresh sandbox, beside native Rust", &fresh, "µs").beside(&plain),
        Figure::alone("sandbox", "fuel an event", first.fuel as f64, "units"),
        Figure::alone("sandbox", "memory of a run", first.memory_bytes as f64 / 1024.0, "KiB"),
    ];
    for (rival, other) in rivals.iter().zip(&others) {
        figures.push(Figure::of("sandbox", format!("{}, beside ours", rival.name), other, "µs").beside(&fresh));
    }
    figures.extend(toolchains()?);
    Ok(figures)
}

/// The guests of `examples/guests`, and where the tests of the toolchains leave what they build. The first is what the
/// others are compared with.
const GUESTS: [(&str, &str); 4] = [
    ("rust-plain", "wasm32-unknown-unknown/release/callback_plain.wasm"),
    ("rust-wasip2", "wasm32-wasip2/release/callback_wasip2.wasm"),
    ("cargo-component", "wasm32-wasip1/release/callback_component.wasm"),
    ("javascript", "javascript/callback.wasm"),
];

/// The same small transformation as each toolchain builds it, on one event.
fn toolchains() -> anyhow::Result<Vec<Figure>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| std::fs::read(root.join("examples/guests/vip-lead").join(file));
    let event = Envelope::read(&read("event.json")?)?.into_event("vip-lead");
    let settings: serde_json::Value = serde_json::from_slice(&read("settings.json")?)?;
    let transformer = Transformer::new()?;
    let mut guests: Vec<(&str, Loaded, String, Vec<f64>)> = Vec::new();
    for (name, file) in GUESTS {
        let file: PathBuf = root.join("target/toolchains").join(file);
        if !file.exists() {
            writeln!(std::io::stderr(), "sandbox: {name} is left out: not built; `make toolchains` builds it")?;
            continue;
        }
        let loaded = transformer.compile(&std::fs::read(&file)?)?;
        let schema = Settings::compile(&loaded.describe()?.settings_schema)?;
        let broken = |_| anyhow::anyhow!("{name} does not take the settings of its sample");
        guests.push((name, loaded, schema.complete(settings.clone()).map_err(broken)?.to_string(), Vec::new()));
    }
    let mut fuel = Vec::new();
    for (name, loaded, settings, _) in &guests {
        let first = loaded.run(&event, settings);
        anyhow::ensure!(first.actions.is_ok(), "{name} fails: {:?}", first.actions);
        fuel.push(first.fuel);
        micros(|| drop(black_box(loaded.run(&event, settings))), RIVAL_EVENTS);
    }
    for _ in 0..RUNS {
        for (_, loaded, settings, taken) in &mut guests {
            taken.push(micros(|| drop(black_box(loaded.run(black_box(&event), settings))), RIVAL_EVENTS));
        }
    }
    let Some((plain, _, _, baseline)) = guests.first() else { return Ok(Vec::new()) };
    let figures = guests.iter().zip(fuel).flat_map(|((name, _, _, taken), fuel)| {
        let time = Figure::of("sandbox", format!("an event in the guest of {name}, beside {plain}"), taken, "µs");
        let fuel = Figure::alone("sandbox", format!("fuel an event in the guest of {name}"), fuel as f64, "units");
        [time.beside(baseline), fuel]
    });
    Ok(figures.collect())
}

/// `examples/plain-lead`, as a transformation is given it.
pub(crate) struct PlainLead {
    /// As it is posted.
    pub(crate) body: Vec<u8>,
    pub(crate) event: Event,
    pub(crate) settings: String,
}

impl PlainLead {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let example = examples::all()?.into_iter().find(|example| example.name == "plain-lead");
        let example = example.context("examples/plain-lead is gone")?;
        let event = Envelope::read(&example.event)?.into_event("msg_1");
        Ok(Self { body: example.event, event, settings: example.settings.to_string() })
    }
}

/// Microseconds a call, over `count` calls.
fn micros(call: impl Fn(), count: u32) -> f64 {
    let started = Instant::now();
    for _ in 0..count {
        call();
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// The same event in the types that a guest sees.
fn native_event(event: &Event) -> anyhow::Result<guest_sdk::Event> {
    use guest_sdk::{Budget, Consent, ConversationNote, Dealership, Lead, Vehicle};
    let Payload::LeadCaptured(lead) = event.payload.clone() else {
        anyhow::bail!("examples/plain-lead is no lead");
    };
    let lead = Lead {
        id: lead.id,
        name: lead.name,
        email: lead.email,
        phone: lead.phone,
        status: lead.status,
        priority: lead.priority,
        origin: lead.origin,
        vehicle: lead.vehicle.map(|vehicle| Vehicle {
            make: vehicle.make,
            model: vehicle.model,
            year: vehicle.year,
            trim: vehicle.trim,
        }),
        budget: lead.budget.map(|budget| Budget {
            text: budget.text,
            min: budget.min,
            max: budget.max,
            currency: budget.currency,
        }),
        notes: lead.notes.into_iter().map(|note| ConversationNote { at: note.at, text: note.text }).collect(),
        dealership: lead.dealership.map(|dealership| Dealership { name: dealership.name, slug: dealership.slug }),
        consent: lead.consent.map(|consent| Consent { text: consent.text, at: consent.at }),
    };
    Ok(guest_sdk::Event {
        id: event.id.clone(),
        event_type: event.event_type.clone(),
        occurred_at: event.occurred_at,
        payload: guest_sdk::Payload::LeadCaptured(lead),
        extra: event.extra.clone(),
    })
}
