//! The commands that ask the controller.

use std::io::Write;

use mimiq_api::admin::{admin_client::AdminClient, *};
use tonic::transport::Channel;

use crate::{
    args::{self, Command},
    leases,
    output::Json,
    show, tables,
};

pub(crate) async fn run(
    command: Command,
    mut server: AdminClient<Channel>,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let json = json.then(Json::new).transpose()?;
    // Prints an answer as JSON, or for people.
    macro_rules! answer {
        ($name:ident, $message:expr, $show:expr) => {{
            let message: $name = $message.map_err(refused)?.into_inner();
            match &json {
                Some(json) => json.print(out, stringify!($name), &message),
                None => $show(out, &message),
            }
        }};
    }
    match command {
        Command::Status => answer!(Status, server.get_status(GetStatusRequest {}).await, show::status),
        Command::Clients(command) => match command {
            args::Clients::List { connected, limit } => leases::clients(&mut server, connected, limit, json, out).await,
            args::Clients::Show { name } => {
                answer!(Client, server.get_client(GetClientRequest { name }).await, show::client)
            }
            args::Clients::Revoke { name, close } => {
                let request = RevokeClientRequest { name, close_connections: close };
                answer!(RevokeClientResponse, server.revoke_client(request).await, show::revoked_client)
            }
        },
        Command::Leases(command) => match command {
            args::Leases::List { client, pool, switch, state, prefix, limit } => {
                let request = ListLeasesRequest {
                    client: client.unwrap_or_default(),
                    pool: pool.unwrap_or_default(),
                    switch: switch.unwrap_or_default(),
                    state: state.map(|state| LeaseState::from(state).into()).unwrap_or_default(),
                    prefix: prefix.map(|prefix| prefix.to_string()).unwrap_or_default(),
                    ..Default::default()
                };
                leases::leases(&mut server, request, limit, json, out).await
            }
            args::Leases::Revoke { addresses } => {
                let addresses = addresses.iter().map(ToString::to_string).collect();
                let request = RevokeLeasesRequest { addresses };
                answer!(RevokeLeasesResponse, server.revoke_leases(request).await, show::revoked_leases)
            }
        },
        Command::Pools(args::Pools::List) => {
            answer!(ListPoolsResponse, server.list_pools(ListPoolsRequest {}).await, show::pools)
        }
        Command::Switches(command) => match command {
            args::Switches::List => {
                answer!(ListSwitchesResponse, server.list_switches(ListSwitchesRequest {}).await, show::switches)
            }
            args::Switches::Drain { name } => {
                answer!(Switch, server.drain_switch(DrainSwitchRequest { name }).await, show::switch)
            }
            args::Switches::Undrain { name } => {
                answer!(Switch, server.undrain_switch(UndrainSwitchRequest { name }).await, show::switch)
            }
        },
        Command::Aliases(args::Aliases::List) => {
            answer!(ListAliasesResponse, server.list_aliases(ListAliasesRequest {}).await, show::aliases)
        }
        Command::Table(args::Table::Dump { switch, table, differences }) => {
            let request = DumpTableRequest { switch, table: table.unwrap_or_default() };
            tables::dump(&mut server, request, differences, json, out).await
        }
        Command::Config(args::ConfigCommand::Reload) => {
            answer!(ReloadConfigResponse, server.reload_config(ReloadConfigRequest {}).await, show::reloaded)
        }
        Command::Advise => answer!(Advice, server.advise(AdviseRequest {}).await, show::advice),
        Command::Config(args::ConfigCommand::Check { .. }) | Command::Pki(_) | Command::Completions { .. } => Ok(()),
    }
}

/// What the controller says, in its words; or why it was not reached.
pub(crate) fn refused(status: tonic::Status) -> anyhow::Error {
    match std::error::Error::source(&status) {
        // Not an answer: the connection failed.
        Some(_) => anyhow::Error::new(status.clone()).context(format!("{}", status.code())),
        None => anyhow::anyhow!("{} ({:?})", status.message(), status.code()),
    }
}
