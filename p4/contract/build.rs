//! Takes the stable IDs of tables, actions and counters from `mimiq.p4info.txtpb`, so that no ID is written twice.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let path = "../mimiq.p4info.txtpb";
    println!("cargo:rerun-if-changed={path}");
    let text = fs::read_to_string(path)?;
    let mut out = String::new();
    let (mut block, mut id) = (String::new(), None::<u32>);
    for line in text.lines() {
        // Blocks of the text format start in column 0; inside them only the preamble has an `alias`.
        if let Some(name) = line.strip_suffix(" {").filter(|l| !l.starts_with(' ')) {
            block = name.to_owned();
        } else if let Some(value) = line.trim().strip_prefix("id: ") {
            id = Some(value.parse()?);
        } else if let Some(alias) = line.trim().strip_prefix("alias: ") {
            let id = id.take().ok_or("alias before id in p4info")?;
            let alias = alias.trim_matches('"');
            let prefix = block.strip_suffix('s').unwrap_or(&block).to_uppercase();
            writeln!(out, "/// `{alias}`.\npub const {prefix}_{}: u32 = {id:#010x};", alias.to_uppercase())?;
        }
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("ids.rs"), out)?;
    Ok(())
}
