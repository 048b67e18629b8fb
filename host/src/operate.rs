//! What an operator looks after: the service as a whole, its processes, its sandboxes, its keys and its configuration. Each
//! report is gathered once, for the page, the API and the command line.

pub mod bundle;
pub mod doctor;
pub mod fleet;
pub mod guests;
pub mod keys;
pub mod lines;
pub mod numbers;
pub mod processes;
pub mod pulse;
pub mod read_only;
pub mod system;
