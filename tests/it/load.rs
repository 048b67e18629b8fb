//! Versions that are not in memory: from what was compiled before, or compiled anew while everybody else goes on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use leadline::digest::sha256_hex;
use leadline::model::event::EventState;
use leadline::stock;

use crate::guests::guest;
use crate::support::{TestApp, compiled, compiler};

#[tokio::test]
async fn a_restarted_service_compiles_nothing_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let app = app.restart_with(|config| config.compiler = Some("/nowhere/leadline".into())).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

/// A compiler that begins when `gate` is there.
fn gated_compiler(folder: &Path, gate: &Path) -> std::path::PathBuf {
    let program = folder.join("compiler");
    let text = format!(
        "#!/bin/sh\nwhile [ ! -e '{}' ]; do /bin/sleep 0.02; done\nexec '{}' compile\n",
        gate.display(),
        compiler().display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// A folder of what was compiled, with nothing in it but this component.
fn compiled_only(folder: &Path, component: &[u8]) -> std::path::PathBuf {
    let all = std::fs::read_dir(compiled()).unwrap().next().unwrap().unwrap();
    let (kept, hash) = (folder.join("compiled").join(all.file_name()), sha256_hex(component));
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::copy(all.path().join(&hash), kept.join(&hash)).unwrap();
    folder.join("compiled")
}

#[tokio::test]
async fn a_version_that_has_to_be_compiled_makes_nobody_else_wait() {
    let app = TestApp::start().await;
    let (slow, other) = (app.connected("slow").await, app.connected("other").await);
    app.install(&slow, "own", &guest("honest")).await;
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let app = app
        .restart_with(|config| {
            config.compiler = Some(gated_compiler(folder.path(), &gate));
            config.compiled = Some(compiled_only(folder.path(), stock::DEFAULT));
        })
        .await;

    let (waits, goes) = (app.send_lead(&slow, "ana").await, app.send_lead(&other, "bob").await);
    app.run_until_idle().await;
    assert_eq!(app.fate(&goes).await, "delivered, 1 attempts");
    assert_eq!(app.event(&waits).await.event.state, EventState::Received);

    std::fs::write(&gate, "").unwrap();
    while app.event(&waits).await.event.state == EventState::Received {
        tokio::time::sleep(Duration::from_millis(20)).await; // for the compiler; nextest ends a test that waits for ever
        app.advance(Duration::from_millis(100));
        app.run_until_idle().await;
    }
    assert_eq!(app.fate(&waits).await, "skipped (transform.skipped): transformation `own@1` returned no actions");
    app.finish().await;
}

#[tokio::test]
async fn a_machine_that_cannot_compile_holds_nothing_and_tries_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("compiled");
    let app = app
        .restart_with(|config| {
            config.compiler = Some("/nowhere/leadline".into());
            config.compiled = Some(nothing.clone());
        })
        .await;
    let event = app.send_lead(&dealer, "ana").await;
    for _ in 0..3 {
        app.run_until_idle().await;
        app.advance(Duration::from_secs(5));
    }
    assert_eq!(app.event(&event).await.event.state, EventState::Received);
    let app = app.restart().await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}
