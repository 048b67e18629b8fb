//! `rivals NAME EVENT COUNT [PLUGIN]`: maps an event `count` times, each in a sandbox of its own, and prints the
//! microseconds an event. What can be prepared once for all events is: compiled code, bytecode.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use rquickjs::{Context, Ctx, Function, Module, Runtime};

fn main() -> anyhow::Result<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [name, event, count, plugin @ ..] = words.as_slice() else { bail!("rivals NAME EVENT COUNT [PLUGIN]") };
    let event = std::fs::read_to_string(event).with_context(|| format!("cannot read {event}"))?;
    let count: u32 = count.parse()?;
    let micros = match (name.as_str(), plugin) {
        ("extism", [plugin]) => extism(&event, count, plugin)?,
        ("quickjs", []) => quickjs(&event, count)?,
        _ => bail!("there are `extism EVENT COUNT PLUGIN` and `quickjs EVENT COUNT`"),
    };
    println!("{micros}");
    Ok(())
}

fn measured(count: u32, run: impl Fn() -> anyhow::Result<String>) -> anyhow::Result<f64> {
    let first = serde_json::from_str::<serde_json::Value>(&run()?)?;
    let properties = first[0]["UpsertContact"]["properties"].as_array().map(Vec::len);
    ensure!(properties == Some(13), "unexpected actions: {first}");
    for _ in 0..count / 4 {
        run()?;
    }
    let started = Instant::now();
    for _ in 0..count {
        black_box(run()?);
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

/// A compiled plugin, and an instance of its own for each event, under a limit of fuel and of memory as ours.
fn extism(event: &str, count: u32, plugin: &str) -> anyhow::Result<f64> {
    let manifest = Manifest::new([Wasm::data(std::fs::read(plugin)?)]).with_memory_max(512);
    let compiled = CompiledPlugin::new(PluginBuilder::new(manifest).with_fuel_limit(20_000_000))?;
    measured(count, || {
        let mut plugin = Plugin::new_from_compiled(&compiled)?;
        plugin.call::<&str, String>("transform", event)
    })
}

/// A script as bytecode, and a runtime with a context of its own for each event.
fn quickjs(event: &str, count: u32) -> anyhow::Result<f64> {
    let script = concat!(include_str!("../mapping.js"), "\nexport { transform };");
    let compile = |ctx: Ctx<'_>| {
        Module::declare(ctx, "mapping", script)?.write(rquickjs::module::WriteOptions::default())
    };
    let bytecode = Context::full(&Runtime::new()?)?.with(compile)?;
    measured(count, || {
        let runtime = Runtime::new()?;
        runtime.set_memory_limit(32 << 20);
        let context = Context::full(&runtime)?;
        let answer = context.with(|ctx| -> rquickjs::Result<String> {
            // SAFETY: written by this very library a moment ago.
            let module = unsafe { Module::load(ctx, &bytecode) }?;
            let (module, _) = module.eval()?;
            module.get::<_, Function<'_>>("transform")?.call((event,))
        })?;
        Ok(answer)
    })
}
