//! Compiles the messages with protox, so that no protoc needs to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let set = protox::compile(["mimiq/allocation/v1/allocation.proto", "mimiq/local/v1/local.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(set)?;
    if env::var_os("CARGO_FEATURE_ADMIN").is_some() {
        let set = protox::compile(["mimiq/admin/v1/admin.proto"], ["proto"])?;
        fs::write(PathBuf::from(env::var("OUT_DIR")?).join("admin.bin"), set.encode_to_vec())?;
        tonic_prost_build::configure().compile_fds(set)?;
    }
    Ok(())
}
