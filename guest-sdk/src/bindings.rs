//! The contract as Rust types, generated from the WIT. [`crate::export!`] and the builders stand in
//! front of it; reach in here for what they do not cover.

wit_bindgen::generate!({
    path: "../wit/1.0.0",
    world: "transformation",
    pub_export_macro: true,
    export_macro_name: "export_transformation",
    default_bindings_module: "guest_sdk::bindings",
    additional_derives: [PartialEq],
});
