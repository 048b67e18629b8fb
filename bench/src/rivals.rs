//! What people would use instead, run beside us: programs of their own, built by `make rivals`, because nothing of them
//! should get into what we build.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// One way to run foreign code, with a fresh sandbox for each event.
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    program: PathBuf,
    before: Vec<String>,
    after: Vec<String>,
}

impl Rival {
    /// Those that are built.
    pub(crate) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = root.join("../target/rivals");
        let program = built.join("release/rivals");
        let plugin = built.join("wasm32-unknown-unknown/release/rivals_plugin.wasm");
        if !program.exists() || !plugin.exists() {
            return Vec::new();
        }
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let node = root.join("rivals/node.mjs").to_string_lossy().into_owned();
        vec![
            Self {
                name: "Extism, a fresh instance",
                program: program.clone(),
                before: words(&["extism"]),
                after: vec![plugin.to_string_lossy().into_owned()],
            },
            Self { name: "QuickJS, a fresh context", program, before: words(&["quickjs"]), after: Vec::new() },
            Self { name: "Node's vm, a fresh context", program: "node".into(), before: vec![node], after: Vec::new() },
        ]
    }

    /// Microseconds an event, over `count` of them.
    pub(crate) fn micros(&self, event: &Path, count: u32) -> anyhow::Result<f64> {
        let mut command = Command::new(&self.program);
        command.args(&self.before).arg(event).arg(count.to_string()).args(&self.after);
        let output = command.output().with_context(|| format!("{} cannot be run", self.name))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} ended with {}: {said}", self.name, output.status);
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().with_context(|| format!("{} printed {text:?}", self.name))
    }
}
