//! A file, over several connections if the policy says so.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;

use super::{HopPolicy, Options, tls};
use crate::policy::Policy;
use crate::sdk::{Agent, Connector, Download, Padding, Stripes};

/// Downloads what is asked for into a file; says what became of it, as JSON.
///
/// # Errors
/// If it is not complete.
pub async fn run(options: Options, file: &Path) -> anyhow::Result<serde_json::Value> {
    let agent = Agent::connect(&options.agent).await.with_context(|| options.agent.display().to_string())?;
    let connector = Connector::new(agent, tls(options.roots)?, Padding::Http3)?.application(&options.label);
    let connector = match options.policy {
        HopPolicy::Follow(Some(policy)) => connector.policy(policy),
        HopPolicy::Never => connector.policy(Policy::Never),
        HopPolicy::Follow(None) | HopPolicy::Every(..) => connector,
    };
    let start = Instant::now();
    let stripes = Stripes::new(connector, options.server, &options.server_name);
    let mut download =
        tokio::time::timeout(options.timeout, stripes.get(options.uri)).await.context("no response")??;
    let (status, striped) = (download.head().status(), download.is_striped());
    anyhow::ensure!(status.is_success(), "status: {status}");
    let saved = save(&mut download, file).await;
    let seconds = start.elapsed().as_secs_f64();
    // A server that does not answer is not waited for.
    let _ = tokio::time::timeout(super::CLOSE_TIMEOUT, download.close()).await;
    if saved.is_err() {
        // Nobody is to take a part for the whole. If it cannot be removed, it could not be written.
        let _ = tokio::fs::remove_file(file).await;
    }
    Ok(serde_json::json!({ "bytes": saved?, "seconds": seconds, "striped": striped }))
}

/// How many bytes it was.
async fn save(download: &mut Download, file: &Path) -> anyhow::Result<usize> {
    let named = || format!("download: cannot write {}", file.display());
    let mut out = tokio::fs::File::create(file).await.with_context(named)?;
    let mut bytes = 0;
    while let Some(chunk) = download.data().await? {
        out.write_all(&chunk).await.with_context(named)?;
        bytes += chunk.len();
    }
    out.flush().await.with_context(named)?;
    Ok(bytes)
}
