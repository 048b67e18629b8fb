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
#[rustfmt::skip] // it moves the end of the block at every run
#[macro_export]
macro_rules! export {
    ($transformation:ty) => {
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
        let message = panic.payload_as_str().unwrap_or("no message");
        match panic.location() {
            Some(place) => crate::log::error(&format!("panicked at {}:{}: {message}", place.file(), place.line())),
            None => crate::log::error(&format!("panicked: {message}")),
        }
    }));
}
