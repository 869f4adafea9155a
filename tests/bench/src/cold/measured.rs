//! The measurements of a function, and their medians.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use hookgate::BoxError;

use super::subjects::Subject;

/// The measurements of a function: a value for each round, or for each warm request.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) init_ms: Vec<f64>,
    pub(super) first_ms: Vec<f64>,
    pub(super) warm_ms: Vec<f64>,
    pub(super) warm_cpu_ms: Vec<f64>,
    pub(super) start_cpu_ms: Vec<f64>,
    pub(super) peak_mb: Vec<f64>,
}

/// A function's medians.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) init_ms: f64,
    pub(super) first_ms: f64,
    pub(super) warm_ms: f64,
    pub(super) start_cpu_ms: f64,
    pub(super) warm_cpu_ms: f64,
    pub(super) peak_mb: f64,
    /// The size of its program in a zip file, where it is one.
    pub(super) zip_mb: Option<f64>,
}

impl Measured {
    pub(super) fn row(mut self, subject: &Subject) -> Result<Row, BoxError> {
        Ok(Row {
            name: subject.name,
            init_ms: median(&mut self.init_ms),
            first_ms: median(&mut self.first_ms),
            warm_ms: median(&mut self.warm_ms),
            start_cpu_ms: median(&mut self.start_cpu_ms),
            warm_cpu_ms: median(&mut self.warm_cpu_ms),
            peak_mb: median(&mut self.peak_mb),
            zip_mb: subject
                .is_a_binary
                .then(|| zip_mb(&subject.program[0]))
                .transpose()?,
        })
    }
}

pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The size of a program in a zip file, in MB of a million bytes.
fn zip_mb(path: &str) -> Result<f64, BoxError> {
    let mut zipped = DeflateEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(&std::fs::read(path)?)?;
    Ok(zipped.finish()?.len() as f64 / 1e6)
}
