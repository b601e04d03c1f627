//! Takes the stable IDs of tables, actions, counters and meters from `mimiq.p4info.txtpb`, so that no ID is written twice.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let path = "../mimiq.p4info.txtpb";
    println!("cargo:rerun-if-changed={path}");
    let text = fs::read_to_string(path)?;
    let mut out = String::new();
    let (mut block, mut in_preamble, mut id) = (String::new(), false, None::<u32>);
    for line in text.lines() {
        // As compilers indent it: the blocks of the text format start in column 0, their preambles behind two spaces.
        if let Some(name) = line.strip_suffix(" {").filter(|l| !l.starts_with(' ')) {
            block = name.to_owned();
        } else if line == "  preamble {" {
            (in_preamble, id) = (true, None);
        } else if line == "  }" {
            in_preamble = false;
        } else if let Some(value) = line.strip_prefix("    id: ").filter(|_| in_preamble) {
            id = Some(value.parse()?);
        } else if let Some(alias) = line.strip_prefix("    alias: ").filter(|_| in_preamble) {
            let id = id.ok_or_else(|| format!("{path}: alias {alias} stands before its id"))?;
            let alias = alias.trim_matches('"');
            let prefix = block.strip_suffix('s').unwrap_or(&block).to_uppercase();
            writeln!(out, "/// `{alias}`.\npub const {prefix}_{}: u32 = {id:#010x};", alias.to_uppercase())?;
        }
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("ids.rs"), out)?;
    Ok(())
}
