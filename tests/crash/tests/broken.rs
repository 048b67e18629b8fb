//! The oracle is worth something only if it notices: the service is made to break a promise, and a short campaign has
//! to find that out. These tests need the service with its crash points, so `make crash` runs them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use clap::Parser as _;
use leadline_crash::args::Args;
use leadline_crash::campaign;
use leadline_crash::oracle::Violation;

/// Every broken promise shows within so many cycles.
const CYCLES: &str = "40";

/// What a campaign finds broken, when the service is made to break this promise.
async fn found(broken: &str, more: &[&str]) -> Vec<Violation> {
    let service = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("leadline-crash-points");
    assert!(service.exists(), "there is no {}; `make crash` builds it", service.display());
    let mut words = vec!["leadline-crash", "--leadline", service.to_str().unwrap(), "--seed", "1", "--cycles", CYCLES];
    words.extend(["--broken", broken]);
    words.extend(more);
    let mut told = Vec::new();
    let report = campaign::run(&Args::parse_from(words), &mut told).await.unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("PROMISE BROKEN, seed 1, cycle "), "nobody noticed:\n{told}");
    report.violations
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the service with its crash points; `make crash` runs it"]
async fn an_acknowledgement_before_the_commit_is_noticed() {
    let found = found("ack-before-commit", &["--only-random", "--never-twice"]).await;
    assert!(
        found.iter().any(|violation| violation.promise == 1 && violation.found == "no event of this id"),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the service with its crash points; `make crash` runs it"]
async fn a_call_that_is_not_stored_before_it_is_sent_is_noticed() {
    let found = found("no-intent", &[]).await;
    assert!(found.iter().any(|violation| violation.promise == 7), "{found:?}");
}
