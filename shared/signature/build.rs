//! Lists the files of `providers/`, so that a provider is built in by adding its file.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=providers");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
    let mut files = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .filter(|path| path.as_ref().map_or(true, |path| is_toml(path)))
        .collect::<Result<Vec<PathBuf>>>()?;
    files.sort_by_key(|file| name(file));
    let entries: String = files
        .iter()
        .map(|file| format!("({:?}, include_str!({file:?})),\n", name(file)))
        .collect();
    let out = env::var_os("OUT_DIR").ok_or_else(|| Error::other("OUT_DIR is not set"))?;
    fs::write(
        Path::new(&out).join("providers.rs"),
        format!("&[\n{entries}]"),
    )
}

fn is_toml(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "toml")
}

/// The provider's name: that of its file.
fn name(file: &Path) -> String {
    file.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}
