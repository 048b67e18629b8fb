//! Chooses the stock components to build in: freshly built ones where `make guests` has left them, else the ones
//! that are checked in. Says which.

use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host/ lies in the workspace");
    let mut origins = Vec::new();
    for (name, variable) in [("guest_default", "LEADLINE_GUEST_DEFAULT"), ("guest_deals", "LEADLINE_GUEST_DEALS")] {
        let fresh = root.join("target/guests").join(format!("{name}.wasm"));
        let kept = root.join("host/components").join(format!("{name}.wasm"));
        for path in [&fresh, &kept] {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let (path, origin) = if fresh.exists() { (fresh, "freshly built") } else { (kept, "checked in") };
        println!("cargo::rustc-env={variable}={}", path.display());
        origins.push(origin);
    }
    let origin = if origins[0] == origins[1] { origins[0] } else { "one freshly built, one checked in" };
    println!("cargo::rustc-env=LEADLINE_GUESTS_ORIGIN={origin}");
    println!("cargo::warning=stock transformations: {origin}");
}
