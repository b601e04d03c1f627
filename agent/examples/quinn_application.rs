//! An application that uses quinn, with a new address for each question.
//!
//! `quinn_application SOCKET SERVER:PORT NAME CA.pem QUESTION...` asks each question on a stream of its own. Without MIMIQ it
//! would have a `quinn::Endpoint` for its constructor, and everything else is the same.

use std::path::Path;

use mimiq_agent::get;
use mimiq_agent::sdk::{Agent, Connector, Padding};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [agent, server, name, ca, questions @ ..] = arguments.as_slice() else {
        anyhow::bail!("SOCKET SERVER:PORT NAME CA.pem QUESTION...");
    };
    let tls = get::tls(get::roots(Path::new(ca))?)?;

    // let endpoint = quinn::Endpoint::client("[::]:0".parse()?)?;
    // let connection = endpoint.connect_with(tls, server.parse()?, name)?.await?;
    let connector = Connector::new(Agent::connect(agent).await?, tls, Padding::None)?;
    let session = connector.session(server.parse()?, name).await?;

    for question in questions {
        let connection = session.connection().await?;
        println!("{}", String::from_utf8_lossy(&ask(&connection, question.as_bytes()).await?));
        drop(connection);
        session.hop().await?;
    }
    session.close().await;
    Ok(())
}

/// What the application did before.
pub(crate) async fn ask(connection: &quinn::Connection, question: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(question).await?;
    send.finish()?;
    Ok(receive.read_to_end(65536).await?)
}
