//! The dependencies of the workspace's crates.

use std::collections::BTreeSet;
use std::process::Command;

use hookgate_tests::template::root;

/// Each package of others that cargo compiles for `selection`, with its version and features.
fn compiled(selection: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix=none", "--format={p} {f}"])
        .args(selection)
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let errors = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{errors}");
    let lines = String::from_utf8(tree.stdout).expect("UTF-8");
    let packages = lines.lines().map(|line| line.trim_end_matches(" (*)"));
    // A package of this workspace has its path behind its version.
    let others = packages.filter(|line| !line.contains("(/"));
    others.map(str::to_owned).collect()
}

/// A package with other features is compiled again, and so is everything that depends on it.
#[test]
fn nothing_that_cargo_run_compiled_is_compiled_again_for_the_tests() {
    let run = compiled(&["--edges=normal,build"]);
    let tests = compiled(&["--edges=normal,build,dev", "--workspace"]);
    let again: Vec<_> = run.difference(&tests).collect();
    assert!(run.len() > 100, "{run:?}");
    assert!(again.is_empty(), "with other features: {again:?}");
}
