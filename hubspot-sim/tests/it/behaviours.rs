//! `BEHAVIOUR.md` and the suite say the same: which behaviours there are, and which tests prove them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hubspot_sim::Knobs;

/// By behaviour, such as `S16`: the names of the tests.
type Proofs = BTreeMap<u32, BTreeSet<String>>;

/// A row of the table: number, behaviour, source, knobs, tests.
fn rows() -> Vec<Vec<String>> {
    let text = include_str!("../../BEHAVIOUR.md");
    let rows = text.lines().filter(|line| line.starts_with("| S"));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

/// The words in back-ticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn number(text: &str) -> u32 {
    text.trim()
        .strip_prefix('S')
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("{text} is no number"))
}

/// What the tests themselves say: the line below each name.
fn proofs() -> Proofs {
    let mut proofs = Proofs::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if ["behaviours.rs", "live.rs", "support.rs"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for test in text.split("#[tokio::test]\n").skip(1) {
            let mut lines = test.lines();
            let name = lines.next().and_then(|line| line.strip_prefix("async fn ")?.split_once('(')).unwrap().0;
            let proves = lines.next().and_then(|line| line.trim().strip_prefix("proves!(\"")?.split_once('"'));
            let Some((numbers, _)) = proves else { panic!("{name} in {} names no behaviour", path.display()) };
            for behaviour in numbers.split(',') {
                proofs.entry(number(behaviour)).or_default().insert(name.to_owned());
            }
        }
    }
    proofs
}

#[test]
fn every_behaviour_has_its_tests_and_every_test_its_behaviour() {
    let written: Proofs = rows().iter().map(|row| (number(&row[0]), quoted(&row[4]))).collect();
    assert_eq!(written.keys().copied().collect::<Vec<_>>(), (1..=46).collect::<Vec<_>>());
    for (behaviour, tests) in proofs() {
        let shown: Vec<_> = tests.iter().map(|name| format!("`{name}`")).collect();
        let row = written.get(&behaviour);
        assert_eq!(row, Some(&tests), "S{behaviour} in BEHAVIOUR.md must name: {}", shown.join(", "));
    }
    for (behaviour, tests) in written {
        assert!(!tests.is_empty(), "S{behaviour} has no test");
    }
}

#[test]
fn every_knob_is_in_the_table() {
    let knobs = serde_json::to_value(Knobs::default()).unwrap();
    let known: BTreeSet<String> = knobs.as_object().unwrap().keys().cloned().collect();
    let written: BTreeSet<String> = rows().iter().flat_map(|row| quoted(&row[3])).collect();
    assert_eq!(written, known);
}
