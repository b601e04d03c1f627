//! Where the programs under test are.

use std::{env, ffi::OsString, path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};

/// The real programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `mimiq-controller`.
    pub controller: OsString,
    /// `mimiq-switch`.
    pub switch: OsString,
}

impl Programs {
    /// Those that `MIMIQ_CONTROLLER` and `MIMIQ_SWITCH` name, or those of these sources, built if need be.
    ///
    /// # Errors
    /// If they cannot be built.
    pub fn find() -> anyhow::Result<Self> {
        Ok(Self {
            controller: find("MIMIQ_CONTROLLER", "mimiq-controller")?,
            switch: find("MIMIQ_SWITCH", "mimiq-switch")?,
        })
    }
}

fn find(variable: &str, name: &str) -> anyhow::Result<OsString> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Some(program) = env::var_os(variable) {
        // Relative ones are meant from the workspace, where make runs.
        return Ok(workspace.join(program).into_os_string());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--package", name, "--bin", name, "--message-format", "json"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.current_dir(workspace).output().context("cargo")?;
    ensure!(output.status.success(), "cargo build of {name}: {}", String::from_utf8_lossy(&output.stderr));
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let message: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
        if let (true, Some(path)) = (message["target"]["name"] == name, message["executable"].as_str()) {
            return Ok(path.into());
        }
    }
    bail!("cargo does not say where it has put {name}")
}
