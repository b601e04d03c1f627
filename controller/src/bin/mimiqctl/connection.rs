use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use mimiq_api::admin::admin_client::AdminClient;
use mimiq_controller::pki::SERVER_NAME;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::args::Server;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Who is asked, or as whom, was not said.
#[derive(Debug, thiserror::Error)]
#[error("--pki DIR is needed, or --{0} FILE; or the variable MIMIQ_PKI")]
pub(crate) struct NoServer(&'static str);

pub(crate) async fn connect(server: &Server) -> anyhow::Result<AdminClient<Channel>> {
    let file = |given: &Option<PathBuf>, option: &'static str, name: &str| -> anyhow::Result<String> {
        let in_folder = || server.pki.as_ref().map(|dir| dir.join(name));
        let path = given.clone().or_else(in_folder).ok_or(NoServer(option))?;
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let identity =
        Identity::from_pem(file(&server.cert, "cert", "operator.pem")?, file(&server.key, "key", "operator.key")?);
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(file(&server.ca, "ca", "ca.pem")?))
        .identity(identity)
        .domain_name(SERVER_NAME);
    let context = || format!("--server {}", server.server);
    let channel = Endpoint::from_shared(format!("https://{}", server.server))
        .with_context(context)?
        .connect_timeout(CONNECT)
        .tls_config(tls)
        .with_context(context)?
        .connect()
        .await
        .with_context(context)?;
    Ok(AdminClient::new(channel))
}
