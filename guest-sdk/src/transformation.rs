//! What an author implements, and the macro that makes a component of it.

use crate::{Action, Event, Manifest, Refusal};

/// A pure function from one event and the account's settings to CRM actions.
pub trait Transformation {
    /// What the host must know before the first event: settings form, CRM properties, event types.
    fn describe() -> Manifest;

    /// The actions for one event. `settings` is JSON that satisfies the manifest's schema.
    fn transform(event: Event, settings: &str) -> Result<Vec<Action>, Refusal>;
}

/// Exports a [`Transformation`] as the component's functions. A native build exports nothing, so
/// tests and benchmarks may link several transformations side by side.
///
/// For `wasm32-unknown-unknown` it also installs an allocator that gives nothing back, since a run has
/// its instance to itself and leaves it behind. Who has to reuse memory writes
/// `export!(Mine, own_allocator)` and gets that of the standard library, or the one of their choice.
#[rustfmt::skip] // it moves the end of the block at every run
#[macro_export]
macro_rules! export {
    ($transformation:ty) => {
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        const _: () = {
            #[global_allocator]
            static MEMORY: $crate::memory::RunMemory = $crate::memory::RunMemory::new();
        };

        $crate::export!($transformation, own_allocator);
    };
    ($transformation:ty, own_allocator) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            impl $crate::bindings::Guest for Component {
                fn describe() -> $crate::Manifest {
                    $crate::report_panics();
                    <$transformation as $crate::Transformation>::describe()
                }

                fn transform(
                    event: $crate::Event,
                    settings: ::std::string::String,
                ) -> ::std::result::Result<::std::vec::Vec<$crate::Action>, $crate::Refusal> {
                    $crate::report_panics();
                    <$transformation as $crate::Transformation>::transform(event, &settings)
                }
            }

            $crate::bindings::export_transformation!(Component with_types_in $crate::bindings);
        };
    };
}

/// Sends a panic to the log of the run. Without it a guest without WASI ends in a bare trap, and
/// nobody learns which line it was.
#[doc(hidden)]
pub fn report_panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|panic| {
        let mut report = String::from("panicked");
        if let Some(place) = panic.location() {
            report.push_str(" at ");
            report.push_str(place.file());
            report.push(':');
            crate::mapping::number::push(&mut report, place.line().into(), 1);
        }
        report.push_str(": ");
        report.push_str(panic.payload_as_str().unwrap_or("no message"));
        crate::log::error(&report);
    }));
}
