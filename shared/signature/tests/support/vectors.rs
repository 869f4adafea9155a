//! The vectors of every provider: a file each in `shared/signature/vectors`.
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic, and other crates' tests include this file"
)]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// All files as one: the `vectors` and `handshakes` of every provider, each with what its file says of all of them,
/// and the `issuers` and `scenarios` of the one that has them.
pub fn read(folder: &Path) -> Value {
    let files = files(folder);
    let of_all = |key: &str| -> Value {
        let list = |file: &'_ Value| file[key].as_array().cloned().unwrap_or_default();
        let told = files
            .iter()
            .flat_map(|file| list(file).into_iter().map(|one| with_file(one, file)));
        told.collect()
    };
    let of_one = |key: &str| files.iter().find_map(|file| file.get(key)).unwrap();
    json!({
        "vectors": of_all("vectors"),
        "handshakes": of_all("handshakes"),
        "issuers": of_one("issuers"),
        "scenarios": of_one("scenarios"),
    })
}

fn with_file(mut one: Value, file: &Value) -> Value {
    for key in ["provider", "reject_status", "covers"] {
        one[key] = file[key].clone();
    }
    one
}

/// The files' contents, in the order of their names.
pub fn files(folder: &Path) -> Vec<Value> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let file: Value = serde_json::from_slice(&fs::read(path).unwrap())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(
                file["provider"],
                path.file_stem().unwrap().to_str().unwrap()
            );
            file
        })
        .collect()
}

/// The bytes of a request's body.
pub fn body(request: &Value) -> Vec<u8> {
    let decode = |text: &Value| STANDARD.decode(text.as_str().unwrap()).unwrap();
    if let Some(text) = request["body"].as_str() {
        return text.as_bytes().to_vec();
    }
    match request.get("body_repeat") {
        Some(repeat) => {
            let times = usize::try_from(repeat["times"].as_u64().unwrap()).unwrap();
            decode(&repeat["b64"]).repeat(times)
        }
        None => decode(&request["body_b64"]),
    }
}
