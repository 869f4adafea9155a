//! Lambda glue.
fn main() {}
