//! What an operator looks after: the service as a whole, its sandboxes, its keys and its configuration. Each report is
//! gathered once, for the page, the API and the command line.

pub mod fleet;
pub mod guests;
pub mod keys;
pub mod numbers;
pub mod pulse;
pub mod system;
