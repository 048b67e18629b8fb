//! A guest that does what its settings say, such as `{"do": "panic"}`, and skips the event with what came of it.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::Read as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use guest_sdk::settings::Settings;
use guest_sdk::{Action, Event, Manifest, Refusal, Transformation, log, manifest};

struct Misbehave;

impl Transformation for Misbehave {
    fn describe() -> Manifest {
        manifest::for_leads("misbehave", "Does what its settings say.", r#"{"type": "object"}"#)
    }

    fn transform(_: Event, settings: &str) -> Result<Vec<Action>, Refusal> {
        let settings = Settings::parse(settings)?;
        Err(Refusal::Skip(behave(settings.required_text("do")?)))
    }
}

fn behave(what: &str) -> String {
    match what {
        "panic" => panic!("this lead has no phone"),
        "unwrap" => black_box(None::<String>).unwrap(),
        "index" => [1, 2, 3][black_box(3)].to_string(),
        "divide" => (1 / black_box(0)).to_string(),
        "panic at length" => {
            (0..200).for_each(|_| log::error(&"a".repeat(100)));
            panic!("{}", "at length ".repeat(90_000))
        }
        // As in a guest without the SDK: the standard library writes it to stderr.
        "panic to stderr" => {
            drop(std::panic::take_hook());
            panic!("this lead has no phone")
        }
        "recurse" => recurse(black_box(1_000_000)).to_string(),
        "reserve" => Vec::<u8>::with_capacity(black_box(512 * 1024 * 1024)).capacity().to_string(),
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        "open a file" => format!("{:?}", std::fs::read("/etc/passwd").map_err(|error| error.kind())),
        "look around" => format!("{:?} {:?}", std::env::vars().next(), std::env::args().next()),
        "sleep" => {
            let before = Instant::now();
            std::thread::sleep(Duration::from_secs(3600));
            format!("{:?}", before.elapsed())
        }
        "tell the time" => format!("{:?}", SystemTime::now().duration_since(UNIX_EPOCH)),
        "throw dice" => format!("{:?}", (0..8).map(|key| (key, ())).collect::<HashMap<_, _>>()),
        "start a thread" => std::thread::Builder::new().spawn(|| ()).is_err().to_string(),
        "read" => format!("{:?}", std::io::stdin().read(&mut [0; 8])),
        "print" => {
            print!("half a ");
            println!("line");
            eprint!("no end");
            String::new()
        }
        _ => String::new(),
    }
}

/// With a local array, so that it runs over the stack in memory.
fn recurse(depth: u32) -> u32 {
    let mut room = [depth; 1024];
    black_box(&mut room);
    if depth == 0 { 0 } else { recurse(depth - 1) + room[7] }
}

guest_sdk::export!(Misbehave);
